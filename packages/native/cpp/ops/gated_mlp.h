#pragma once

#include "ops/gate_up.h"

namespace mixtape {

/** `gate` and `up` `[inner, width]`, `down` `[width, inner]`. */
struct GatedMlp {
  Matrix gate;
  Matrix up;
  Matrix down;
};

/** `y = down · (activation(gate · x) · (up · x))` for each of the tokens `x [tokens, width]`. On all threads. */
void gated_mlp(const GatedMlp& mlp, const float* x, size_t tokens, const GateOptions& options, float* y);

}  // namespace mixtape
