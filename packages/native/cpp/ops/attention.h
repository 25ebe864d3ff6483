#pragma once

#include "core/key_values.h"

namespace mixtape {

/** Queries `[rows, heads, count, width]` at the last `count` positions of keys and values of `rows · groups` lanes. */
struct Attention {
  const float* q;
  size_t rows;
  size_t heads;
  size_t groups;
  size_t count;
  KeyValues kv;
  /** `[rows, kv.length]`, 0 for padding; or null. */
  const int32_t* tokens;
  /** Number of positions that a query sees at most, its own included; at least 1. */
  size_t window;
  float scale;
  /**
   * `[rows, kv.length]`, rising: the first position of the document that a position belongs to, at most itself. A query sees no
   * position before it. Null where a row is one document; else there are as many queries as positions.
   */
  const int32_t* starts = nullptr;
  /** `[heads]`: a score of each softmax that has no value; or null. */
  const float* sinks = nullptr;
};

/**
 * `softmax(scale · q · kᵀ) · v` over the positions that each query sees, `[rows, count, heads · value width]`; a query that sees none
 * attends to all positions uniformly, or where there are sinks gives 0. On all threads.
 */
void attention(const Attention& given, float* out);

/** Outputs for the gradients with respect to queries, keys and values, each in the layout of these. */
struct AttentionGradients {
  float* q;
  float* keys;
  float* values;
};

/**
 * Computes the backward pass of `attention` of float32 values without sinks, given the gradient `dy` of its output. Scores are computed
 * again, for some queries at a time. On all threads.
 */
void attention_back(const Attention& given, const float* dy, const AttentionGradients& to);

}  // namespace mixtape
