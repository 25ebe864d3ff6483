#pragma once

#include "ops/gate_up.h"

namespace mixtape {

/** Matrices of one shape and format, one per expert: each where it lies, or all behind one another. */
struct Stack {
  Dtype dtype;
  size_t experts;
  size_t rows;
  size_t columns;
  /** Null where they lie behind one another, from `data` on. */
  const uint8_t* const* parts;
  const uint8_t* data;

  Matrix matrix(size_t expert) const {
    const Matrix first{dtype, data, rows, columns};
    return {dtype, parts ? parts[expert] : first.row(expert * rows), rows, columns};
  }
};

/** `gate` and `up` `[experts, inner, width]`, `down` `[experts, width, inner]`. */
struct Experts {
  Stack gate;
  Stack up;
  Stack down;
};

/** Tokens with the experts that they were routed to, and how much each counts: `x [tokens, width]`, the others `[tokens, choices]`. */
struct Routed {
  const float* x;
  /** Each below `experts`. */
  const int32_t* indices;
  const float* weights;
  size_t tokens;
  size_t choices;
};

/**
 * `y[t] = Σ_j weights[t, j] · MLP_{indices[t, j]}(x[t])`. On all threads. Tokens are grouped by expert: the weights of routed
 * experts are read once, those of others never.
 */
void experts(const Experts& experts, const Routed& routed, const GateOptions& options, float* y);

/** Where gradients of experts go: null where one is not wanted. Those of weights are in float32, whatever the weights are in. */
struct ExpertsGradients {
  float* x;
  float* weights;
  float* gate;
  float* up;
  float* down;
};

/**
 * The way back of `experts`: the gradients, given that of y. What the way there had in between is computed again. Frozen weights are
 * read where they lie, those of routed experts alone.
 */
void experts_back(const Experts& experts, const Routed& routed, const float* dy, const GateOptions& options,
                  const ExpertsGradients& to);

}  // namespace mixtape
