#pragma once

#include "core/expert_cache.h"
#include "ops/gate_up.h"

namespace mixtape {

/** Matrices of one shape and format, one per expert: each in place, or all contiguous. */
struct Stack {
  Dtype dtype;
  size_t experts;
  size_t rows;
  size_t columns;
  /** Null if they are contiguous, from `data` on. */
  const uint8_t* const* parts;
  const uint8_t* data;
  /** Those of each part; null for formats that have none apart. */
  const Scales* scales = nullptr;
  /** Their residency in memory; null for those that are not mapped from files. */
  CachedStack* cached = nullptr;

  Matrix matrix(size_t expert) const {
    const Matrix first{dtype, data, rows, columns};
    return {dtype, parts ? parts[expert] : first.row(expert * rows), rows, columns, scales ? scales[expert] : Scales{}};
  }
};

/** A bias for each expert, behind one another; null data for none. */
struct Biases {
  const float* data;
  size_t size;
  const float* of(size_t expert) const { return data ? data + expert * size : nullptr; }
};

/** `gate` and `up` `[experts, inner, width]`, `down` `[experts, width, inner]`, and biases `[experts, inner]` and `[experts, width]`. */
struct Experts {
  Stack gate;
  Stack up;
  Stack down;
  Biases gate_bias;
  Biases up_bias;
  Biases down_bias;

  GateUp gate_up(size_t expert, size_t tokens, const GateOptions& options) const {
    return {gate.matrix(expert), up.matrix(expert), {gate_bias.of(expert), up_bias.of(expert)}, tokens, options};
  }
};

/** Tokens with the experts that they were routed to, and how much each counts: `x [tokens, width]`, the others `[tokens, choices]`. */
struct Routed {
  const float* x;
  /** Each below `experts`, or −1 for none: a choice that costs nothing. */
  const int32_t* indices;
  const float* weights;
  size_t tokens;
  size_t choices;
};

/**
 * `y[t] = Σ_j weights[t, j] · MLP_{indices[t, j]}(x[t])` over the choices of an expert; 0 without any. On all threads. Tokens are
 * grouped by expert: the weights of routed experts are read once, those of others never.
 */
void experts(const Experts& experts, const Routed& routed, const GateOptions& options, float* y);

/** Outputs for the gradients of experts, null for those that are not wanted. Those of weights are float32, whatever the format of the weights. */
struct ExpertsGradients {
  float* x;
  float* weights;
  float* gate;
  float* up;
  float* down;
  float* gate_bias;
  float* up_bias;
  float* down_bias;
};

/**
 * The backward pass of `experts`: the gradients, given that of y. What the forward pass had in between is computed again. Frozen weights are
 * read in place, those of routed experts alone.
 */
void experts_back(const Experts& experts, const Routed& routed, const float* dy, const GateOptions& options,
                  const ExpertsGradients& to);

}  // namespace mixtape
