#pragma once
// Q4_1: a scale, a minimum, and 32 codes of 4 bits, those of the second half in the high bits: `d · q + m`.

#include "formats/block.h"

namespace mixtape {
namespace {

struct Q4_1 {
  static constexpr Dtype dtype = Dtype::q4_1;
  static constexpr size_t kElements = 32;
  static constexpr size_t kBytes = 20;

  static void decode(const uint8_t* b, float* y) {
    const float d = half_at(b);
    const float m = half_at(b + 2);
    for (size_t i = 0; i < 16; i++) {
      y[i] = d * static_cast<float>(b[4 + i] & 15) + m;
      y[i + 16] = d * static_cast<float>(b[4 + i] >> 4) + m;
    }
  }

  template <class S, int T> static void add(const uint8_t* b, const Int8Tokens<T>& x, Int8Sums<S, T>& sums) {
    const auto codes = S::low_then_high(b + 4);
    const float d = half_at(b);
    const float m = half_at(b + 2);
    for (int t = 0; t < T; t++) {
      sums.add(t, S::dot_unsigned(codes, S::load_bytes(x.codes(t))), d * x.scales(t)[0]);
      sums.subtract(t, -m * x.sums(t)[0]);
    }
  }
};

}  // namespace
}  // namespace mixtape
