#pragma once
// Q6_K: 256 codes of 6 bits in 16 blocks of 16, each with a scale of 8 bits: `d · s · (q − 32)`.

#include "formats/block.h"

namespace mixtape {
namespace {

struct Q6_K {
  static constexpr Dtype dtype = Dtype::q6_k;
  static constexpr size_t kElements = 256;
  static constexpr size_t kBytes = 210;
  static constexpr Codes kCodes = {0, 63};
  static constexpr size_t kScaled = 16;
  static constexpr bool kHasMinima = true;

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

  template <class S, size_t Part> static typename S::Bytes codes(const uint8_t* b) {
    constexpr size_t kHalf = Part / 4, kQuarter = Part % 4;
    const auto both = S::load_bytes(b + 64 * kHalf + 32 * (kQuarter % 2));
    const auto high = S::template two_bits_as<2 * kQuarter>(S::load_bytes(b + 128 + 32 * kHalf));
    return S::add_bytes(kQuarter < 2 ? S::low_nibbles(both) : S::high_nibbles(both), high);
  }

  template <class S> static void scales(const uint8_t* b, float* scales, float* minima) {
    const auto d = S::splat8(half_at(b + 208)), offset = S::splat8(32);
    for (size_t part = 0; part < 16; part += 8) {
      const auto some = S::mul8(d, S::from_int8(reinterpret_cast<const int8_t*>(b + 192) + part));
      S::store8(scales + part, some);
      S::store8(minima + part, S::mul8(offset, some));
    }
  }
};

}  // namespace
}  // namespace mixtape
