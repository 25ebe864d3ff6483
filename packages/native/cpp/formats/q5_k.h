#pragma once
// Q5_K: as Q4_K, with a fifth bit of each code: `d · s · q − dmin · m`.

#include "formats/k_scales.h"

namespace mixtape {
namespace {

struct Q5_K {
  static constexpr Dtype dtype = Dtype::q5_k;
  static constexpr size_t kElements = 256;
  static constexpr size_t kBytes = 176;

  static void decode(const uint8_t* b, float* y) {
    const float d = half_at(b);
    const float dmin = half_at(b + 2);
    const KScales s(b + 4);
    const uint8_t* const fifth = b + 16;
    for (size_t j = 0; j < 8; j++) {
      const uint8_t* const q = b + 48 + 32 * (j / 2);
      const float scale = d * s.scales[j];
      const float minimum = dmin * s.minima[j];
      for (size_t i = 0; i < 32; i++) {
        const int code = (q[i] >> 4 * (j % 2) & 15) | (fifth[i] >> j & 1) << 4;
        y[32 * j + i] = scale * static_cast<float>(code) - minimum;
      }
    }
  }

  template <class S, int T> static void add(const uint8_t* b, const Int8Tokens<T>& x, Int8Sums<S, T>& sums) {
    const KScales s(b + 4);
    const auto scales = S::mul8(S::splat8(half_at(b)), S::from_bytes8(s.scales));
    const auto minima = S::mul8(S::splat8(half_at(b + 2)), S::from_bytes8(s.minima));
    float factors[T][8];
    for (int t = 0; t < T; t++) {
      S::store8(factors[t], S::mul8(scales, S::load8(x.scales(t))));
      sums.subtract(t, minima, S::load8(x.sums(t)));
    }
    auto fifth = S::load_bytes(b + 16);
    for (size_t j = 0; j < 8; j += 2) {
      const auto both = S::load_bytes(b + 48 + 16 * j);
      const auto low = S::add_bytes(S::low_nibbles(both), S::template bit_as<0>(fifth, 16));
      const auto high = S::add_bytes(S::high_nibbles(both), S::template bit_as<1>(fifth, 16));
      fifth = S::template shift_right<2>(fifth);
      for (int t = 0; t < T; t++) {
        const int8_t* const codes = x.codes(t) + 32 * j;
        sums.add(t, S::dot_unsigned(low, S::load_bytes(codes)), factors[t][j]);
        sums.add(t, S::dot_unsigned(high, S::load_bytes(codes + 32)), factors[t][j + 1]);
      }
    }
  }
};

}  // namespace
}  // namespace mixtape
