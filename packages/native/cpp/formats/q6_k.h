#pragma once
// Q6_K: 256 codes of 6 bits in 16 blocks of 16, each with a scale of 8 bits: `d · s · (q − 32)`.

#include "formats/block.h"

namespace mixtape {
namespace {

struct Q6_K {
  static constexpr Dtype dtype = Dtype::q6_k;
  static constexpr size_t kElements = 256;
  static constexpr size_t kBytes = 210;

  static void decode(const uint8_t* b, float* y) {
    const float d = half_at(b + 208);
    for (size_t part = 0; part < 8; part++) {
      const size_t half = part / 4, quarter = part % 4;
      const uint8_t* const low = b + 64 * half + 32 * (quarter % 2);
      const uint8_t* const high = b + 128 + 32 * half;
      const int8_t* const scales = reinterpret_cast<const int8_t*>(b + 192) + 2 * part;
      const float scale[2] = {d * scales[0], d * scales[1]};
      for (size_t i = 0; i < 32; i++) {
        const int code = (low[i] >> (quarter < 2 ? 0 : 4) & 15) | (high[i] >> 2 * quarter & 3) << 4;
        y[32 * part + i] = scale[i / 16] * static_cast<float>(code - 32);
      }
    }
  }

  template <class S, int T> static void add(const uint8_t* b, const Int8Tokens<T>& x, Int8Sums<S, T>& sums) {
    const float d = half_at(b + 208);
    const auto scales = reinterpret_cast<const int8_t*>(b + 192);
    const auto all = S::splat8(32 * d);
    for (int t = 0; t < T; t++) {
      sums.subtract(t, S::mul8(all, S::from_int8(scales)), S::load8(x.half_sums(t)));
      sums.subtract(t, S::mul8(all, S::from_int8(scales + 8)), S::load8(x.half_sums(t) + 8));
    }
    const auto all_scales = S::load_scales(scales);
    for (size_t half = 0; half < 2; half++) {
      const auto first = S::load_bytes(b + 64 * half), second = S::load_bytes(b + 64 * half + 32);
      const auto high = S::load_bytes(b + 128 + 32 * half);
      const decltype(first) codes[4] = {
          S::add_bytes(S::low_nibbles(first), S::template two_bits_as<0>(high)),
          S::add_bytes(S::low_nibbles(second), S::template two_bits_as<2>(high)),
          S::add_bytes(S::high_nibbles(first), S::template two_bits_as<4>(high)),
          S::add_bytes(S::high_nibbles(second), S::template two_bits_as<6>(high)),
      };
      for (size_t quarter = 0; quarter < 4; quarter++) {
        const size_t part = 4 * half + quarter;
        for (int t = 0; t < T; t++)
          sums.add(t, S::dot_scaled(codes[quarter], S::load_bytes(x.codes(t) + 32 * part), all_scales, part), d * x.scales(t)[part]);
      }
    }
  }
};

}  // namespace
}  // namespace mixtape
