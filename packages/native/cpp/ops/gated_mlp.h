#pragma once

#include "ops/gate_up.h"

namespace mixtape {

/** `gate` and `up` `[inner, width]`, `down` `[width, inner]`, and biases as long as their rows, null for none. */
struct GatedMlp {
  Matrix gate;
  Matrix up;
  Matrix down;
  GateUpBias bias;
  const float* down_bias;
};

/** `y = down · gating(gate · x, up · x)`, with biases, for each of the tokens `x [tokens, width]`. On all threads. */
void gated_mlp(const GatedMlp& mlp, const float* x, size_t tokens, const GateOptions& options, float* y);

}  // namespace mixtape
