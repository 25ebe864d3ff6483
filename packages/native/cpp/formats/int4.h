#pragma once
// int4: codes of 4 bits in the order of the row, the first in the low bits, with scales in a plane of their own: `s · (q − 8)`. That is
// `pack-quantized` of compressed-tensors.

#include "formats/block.h"

namespace mixtape {
namespace {

struct Int4 {
  static constexpr Dtype dtype = Dtype::int4;

  static void decode(const uint8_t* b, float scale, size_t count, float* y) {
    for (size_t i = 0; i < count / 2; i++) {
      y[2 * i] = scale * static_cast<float>((b[i] & 15) - 8);
      y[2 * i + 1] = scale * static_cast<float>((b[i] >> 4) - 8);
    }
  }

  /** 32 codes that share a scale. */
  template <class S, int T> static void add(const uint8_t* b, float scale, const Int8Tokens<T>& x, Int8Sums<S, T>& sums) {
    const auto codes = S::low_and_high(b);
    for (int t = 0; t < T; t++) {
      sums.add(t, S::dot_unsigned(codes, S::load_bytes(x.codes(t))), scale * x.scales(t)[0]);
      sums.subtract_all(t, scale * x.sums(t)[0]);
    }
  }
};

}  // namespace
}  // namespace mixtape
