#pragma once
// Arguments of the kernels of recurrent mixers.

#include "core/types.h"

namespace mixtape {

/** One head of the gated delta rule: steps are from one token's numbers to the next's. */
struct DeltaHead {
  /** [length, key width], as they are to be used. */
  const float* q;
  const float* k;
  /** [length, value width] */
  const float* v;
  /** Logarithms of the decay, and learning rates: [length]. */
  const float* g;
  const float* beta;
  size_t length;
  size_t key_width;
  size_t value_width;
  size_t key_step;
  size_t value_step;
  size_t gate_step;
  /** [key width, value width] */
  float* state;
  /** As `v`. */
  float* output;
};

/** One row of a causal convolution. */
struct ConvolutionRow {
  /** [length, width] */
  const float* x;
  /** [taps − 1, width], or null for zeros. */
  const float* past;
  /** [width, taps] */
  const float* weight;
  size_t length;
  size_t width;
  size_t taps;
  /** As `x`. */
  float* y;
};

}  // namespace mixtape
