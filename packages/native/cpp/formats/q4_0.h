#pragma once
// Q4_0: a scale, and 32 codes of 4 bits, those of the second half in the high bits: `d · (q − 8)`.

#include "formats/block.h"

namespace mixtape {
namespace {

struct Q4_0 {
  static constexpr Dtype dtype = Dtype::q4_0;
  static constexpr size_t kElements = 32;
  static constexpr size_t kBytes = 18;

  static void decode(const uint8_t* b, float* y) {
    const float d = half_at(b);
    for (size_t i = 0; i < 16; i++) {
      y[i] = d * static_cast<float>((b[2 + i] & 15) - 8);
      y[i + 16] = d * static_cast<float>((b[2 + i] >> 4) - 8);
    }
  }

  template <class S, int T> static void add(const uint8_t* b, const Int8Tokens<T>& x, Int8Sums<S, T>& sums) {
    const auto codes = S::low_then_high(b + 2);
    const float d = half_at(b);
    for (int t = 0; t < T; t++) {
      sums.add(t, S::dot_unsigned(codes, S::load_bytes(x.codes(t))), d * x.scales(t)[0]);
      sums.subtract(t, 8 * d * x.sums(t)[0]);
    }
  }
};

}  // namespace
}  // namespace mixtape
