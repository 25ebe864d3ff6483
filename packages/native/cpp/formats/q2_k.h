#pragma once
// Q2_K: 256 codes of 2 bits in 16 blocks of 16, each with a scale and a minimum of 4 bits: `d · s · q − dmin · m`.

#include "formats/block.h"

namespace mixtape {
namespace {

struct Q2_K {
  static constexpr Dtype dtype = Dtype::q2_k;
  static constexpr size_t kElements = 256;
  static constexpr size_t kBytes = 84;
  static constexpr Codes kCodes = {0, 3};
  static constexpr size_t kScaled = 16;
  static constexpr bool kHasMinima = true;

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

  template <class S, size_t Part> static typename S::Bytes codes(const uint8_t* b) {
    return S::template low_bits<2>(S::template shift_right<Part % 4 * 2>(S::load_bytes(b + 16 + 32 * (Part / 4))));
  }

  template <class S> static void scales(const uint8_t* b, float* scales, float* minima) {
    const auto d = S::splat8(half_at(b + 80)), dmin = S::splat8(half_at(b + 82));
    uint8_t numbers[16], smallest[16];
    for (size_t part = 0; part < 16; part++) {
      numbers[part] = b[part] & 15;
      smallest[part] = b[part] >> 4;
    }
    for (size_t part = 0; part < 16; part += 8) {
      S::store8(scales + part, S::mul8(d, S::from_bytes8(numbers + part)));
      S::store8(minima + part, S::mul8(dmin, S::from_bytes8(smallest + part)));
    }
  }
};

}  // namespace
}  // namespace mixtape
