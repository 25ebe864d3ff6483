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

}  // namespace mixtape
