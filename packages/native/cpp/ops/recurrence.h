#pragma once
// Operations of recurrent mixers, on all threads.

#include "core/types.h"

namespace mixtape {

struct DeltaRule {
  /** [rows, length, groups, key width] */
  const float* q;
  const float* k;
  /** [rows, length, heads, value width] */
  const float* v;
  /** [rows, length, heads] */
  const float* g;
  const float* beta;
  /** [rows, heads, key width, value width], or null for zeros. */
  const float* state;
  size_t rows;
  size_t length;
  size_t groups;
  size_t heads;
  size_t key_width;
  size_t value_width;
  /** Queries are multiplied by it. */
  float scale;
  /** Of the norm of queries and keys; negative where they are taken as they are. */
  float eps;
};

/** @param output as `v` @param next as `state` */
void gated_delta_rule(const DeltaRule& rule, float* output, float* next);

struct Convolution {
  /** [rows, length, width] */
  const float* x;
  /** [width, taps] */
  const float* weight;
  /** [rows, taps − 1, width], or null for zeros. */
  const float* past;
  size_t rows;
  size_t length;
  size_t width;
  size_t taps;
};

/** @param y as `x` @param next as `past` */
void causal_convolution(const Convolution& convolution, float* y, float* next);

}  // namespace mixtape
