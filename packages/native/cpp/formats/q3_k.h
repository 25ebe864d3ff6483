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
  static constexpr Codes kCodes = {0, 7};
  static constexpr size_t kScaled = 16;
  static constexpr bool kHasMinima = true;

  /** The 16 scales: four low bits in 8 bytes, two high ones in 4. */
  static void scales_of(const uint8_t* b, int8_t* scales) {
    const uint32_t low[2] = {uint32_at(b + 96), uint32_at(b + 100)}, high = uint32_at(b + 104);
    for (size_t j = 0; j < 4; j++) {
      const uint32_t four = (low[j % 2] >> 4 * (j / 2) & 0x0f0f0f0f) | (high >> 2 * j & 0x03030303) << 4;
      // Four numbers below 64 at once, less 32 each.
      const uint32_t less = (four + 0x60606060) ^ 0x80808080;
      memcpy(scales + 4 * j, &less, sizeof less);
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

  template <class S, size_t Part> static typename S::Bytes codes(const uint8_t* b) {
    const auto low = S::template shift_right<Part % 4 * 2>(S::load_bytes(b + 32 + 32 * (Part / 4)));
    return S::add_bytes(S::template low_bits<2>(low), S::template move_bit<Part, 2>(S::load_bytes(b)));
  }

  template <class S> static void scales(const uint8_t* b, float* scales, float* minima) {
    const auto d = S::splat8(half_at(b + 108)), offset = S::splat8(4);
    int8_t numbers[16];
    scales_of(b, numbers);
    for (size_t part = 0; part < 16; part += 8) {
      const auto some = S::mul8(d, S::from_int8(numbers + part));
      S::store8(scales + part, some);
      S::store8(minima + part, S::mul8(offset, some));
    }
  }
};

}  // namespace
}  // namespace mixtape
