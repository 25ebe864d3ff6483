#pragma once
// Q2_K: 256 codes of 2 bits in 16 blocks of 16, each with a scale and a minimum of 4 bits: `d · s · q − dmin · m`.

#include "formats/block.h"

namespace mixtape {
namespace {

struct Q2_K {
  static constexpr Dtype dtype = Dtype::q2_k;
  static constexpr size_t kElements = 256;
  static constexpr size_t kBytes = 84;

  static void decode(const uint8_t* b, float* y) {
    const float d = half_at(b + 80);
    const float dmin = half_at(b + 82);
    for (size_t part = 0; part < 16; part++) {
      const uint8_t* const q = b + 16 + 32 * (part / 8) + 16 * (part % 2);
      const float scale = d * static_cast<float>(b[part] & 15);
      const float minimum = dmin * static_cast<float>(b[part] >> 4);
      const size_t shift = part % 8 / 2 * 2;
      for (size_t i = 0; i < 16; i++) y[16 * part + i] = scale * static_cast<float>(q[i] >> shift & 3) - minimum;
    }
  }

  template <class S, int T> static void add(const uint8_t* b, const Int8Tokens<T>& x, Int8Sums<S, T>& sums) {
    const float d = half_at(b + 80);
    const float dmin = half_at(b + 82);
    int8_t scales[16], minima[16];
    for (size_t part = 0; part < 16; part++) {
      scales[part] = static_cast<int8_t>(b[part] & 15);
      minima[part] = static_cast<int8_t>(b[part] >> 4);
    }
    for (int t = 0; t < T; t++)
      for (size_t part = 0; part < 16; part += 8)
        sums.subtract(t, S::mul8(S::splat8(dmin), S::from_int8(minima + part)), S::load8(x.half_sums(t) + part));
    const auto all_scales = S::load_scales(scales);
    for (size_t half = 0; half < 2; half++) {
      auto codes = S::load_bytes(b + 16 + 32 * half);
      for (size_t quarter = 0; quarter < 4; quarter++) {
        const size_t part = 4 * half + quarter;
        const auto q = S::template low_bits<2>(codes);
        for (int t = 0; t < T; t++)
          sums.add(t, S::dot_scaled(q, S::load_bytes(x.codes(t) + 32 * part), all_scales, part), d * x.scales(t)[part]);
        codes = S::template shift_right<2>(codes);
      }
    }
  }
};

}  // namespace
}  // namespace mixtape
