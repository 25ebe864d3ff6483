#pragma once
// Rounding of activations to 8 bits, in blocks of 32, each to its largest magnitude, as in ggml's Q8_0.

#include <math.h>
#include <string.h>

#include "kernels/table.h"

namespace mixtape {
namespace {

/** A block of 32, with the sums of what both halves of the codes stand for. */
struct Int8Block {
  int8_t codes[32];
  float scale;
  float half_sums[2];
  float sum;
};

/** Rounds columns [k, k + 32) of what is given of a token, zeros behind the last. */
template <class S> inline void round_to_int8(const Activations& x, size_t token, size_t k, Int8Block& to) {
  // Smaller numbers count as zeros: 127 over them would be infinite.
  constexpr float kTiny = 0x1p-100f;
  const float* values = x.token(token) + k;
  float rest[32] = {};
  if (x.count - k < 32) {
    memcpy(rest, values, (x.count - k) * sizeof *rest);
    values = rest;
  }
  const float largest = S::max_abs(values);
  int sums[2];
  S::quantize(values, largest > kTiny ? 127 / largest : 0, to.codes, sums);
  to.scale = largest / 127;
  if (!(largest < INFINITY)) {
    // An infinity or a NaN: the scale makes every product one.
    to.scale = NAN;
    memset(to.codes, 1, sizeof to.codes);
  }
  to.half_sums[0] = to.scale * static_cast<float>(sums[0]);
  to.half_sums[1] = to.scale * static_cast<float>(sums[1]);
  to.sum = to.scale * static_cast<float>(sums[0] + sums[1]);
}

}  // namespace
}  // namespace mixtape
