#pragma once
// IQ4_XS: 256 codes of 4 bits for unevenly spaced numbers, in eight blocks of 32, each with a scale of 6 bits: `d · (s − 32) · number`.

#include "formats/iq4.h"

namespace mixtape {
namespace {

struct IQ4_XS {
  static constexpr Dtype dtype = Dtype::iq4_xs;
  static constexpr size_t kElements = 256;
  static constexpr size_t kBytes = 136;
  static constexpr Codes kCodes = {-127, 113};
  static constexpr size_t kScaled = 32;
  static constexpr bool kHasMinima = false;

  static float scale(const uint8_t* b, float d, size_t j) {
    const int low = b[4 + j / 2] >> 4 * (j % 2) & 15;
    const int high = (b[2] | b[3] << 8) >> 2 * j & 3;
    return d * static_cast<float>((low | high << 4) - 32);
  }

  static void decode(const uint8_t* b, float* y) {
    const float d = half_at(b);
    for (size_t j = 0; j < 8; j++, y += 32) {
      const float s = scale(b, d, j);
      const uint8_t* const q = b + 8 + 16 * j;
      for (size_t i = 0; i < 16; i++) {
        y[i] = s * static_cast<float>(kIq4Numbers[q[i] & 15]);
        y[i + 16] = s * static_cast<float>(kIq4Numbers[q[i] >> 4]);
      }
    }
  }

  template <class S, size_t Part> static typename S::Bytes codes(const uint8_t* b) {
    return S::look_up(kIq4Numbers, S::low_then_high(b + 8 + 16 * Part));
  }

  template <class S> static void scales(const uint8_t* b, float* scales, float*) {
    const float d = half_at(b);
    for (size_t j = 0; j < 8; j++) scales[j] = scale(b, d, j);
  }
};

}  // namespace
}  // namespace mixtape
