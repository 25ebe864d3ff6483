#pragma once
// Q3_K: 256 codes of 3 bits, the highest of each apart and inverted, in 16 blocks of 16, each with a scale of 6 bits:
// `d · (s − 32) · (q − 4)`.

#include "formats/block.h"

namespace mixtape {
namespace {

struct Q3_K {
  static constexpr Dtype dtype = Dtype::q3_k;
  static constexpr size_t kElements = 256;
  static constexpr size_t kBytes = 110;

  /** The 16 scales: four low bits in 8 bytes, two high ones in 4. */
  static void scales_of(const uint8_t* b, int8_t* scales) {
    const uint8_t* const s = b + 96;
    for (size_t j = 0; j < 16; j++) {
      const int low = j < 8 ? s[j] & 15 : s[j - 8] >> 4;
      const int high = s[8 + j % 4] >> 2 * (j / 4) & 3;
      scales[j] = static_cast<int8_t>((low | high << 4) - 32);
    }
  }

  static void decode(const uint8_t* b, float* y) {
    const float d = half_at(b + 108);
    int8_t scales[16];
    scales_of(b, scales);
    for (size_t part = 0; part < 16; part++) {
      const float scale = d * scales[part];
      const uint8_t* const q = b + 32 + 32 * (part / 8) + 16 * (part % 2);
      const uint8_t* const third = b + 16 * (part % 2);
      const size_t shift = part % 8 / 2 * 2;
      for (size_t i = 0; i < 16; i++) {
        const int code = (q[i] >> shift & 3) | (third[i] >> part / 2 & 1) << 2;
        y[16 * part + i] = scale * static_cast<float>(code - 4);
      }
    }
  }

  template <class S, int T> static void add(const uint8_t* b, const Int8Tokens<T>& x, Int8Sums<S, T>& sums) {
    const float d = half_at(b + 108);
    int8_t scales[16];
    scales_of(b, scales);
    for (int t = 0; t < T; t++)
      for (size_t part = 0; part < 16; part += 8)
        sums.subtract(t, S::mul8(S::splat8(4 * d), S::from_int8(scales + part)), S::load8(x.half_sums(t) + part));
    auto third = S::load_bytes(b);
    const auto all_scales = S::load_scales(scales);
    for (size_t half = 0; half < 2; half++) {
      auto codes = S::load_bytes(b + 32 + 32 * half);
      for (size_t quarter = 0; quarter < 4; quarter++) {
        const size_t part = 4 * half + quarter;
        const auto q = S::add_bytes(S::template low_bits<2>(codes), S::template bit_as<0>(third, 4));
        for (int t = 0; t < T; t++)
          sums.add(t, S::dot_scaled(q, S::load_bytes(x.codes(t) + 32 * part), all_scales, part), d * x.scales(t)[part]);
        codes = S::template shift_right<2>(codes);
        third = S::template shift_right<1>(third);
      }
    }
  }
};

}  // namespace
}  // namespace mixtape
