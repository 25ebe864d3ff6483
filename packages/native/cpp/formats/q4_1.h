#pragma once
// Q4_1: a scale, a minimum, and 32 codes of 4 bits, those of the second half in the high bits: `d · q + m`.

#include "formats/block.h"

namespace mixtape {
namespace {

struct Q4_1 {
  static constexpr Dtype dtype = Dtype::q4_1;
  static constexpr size_t kElements = 32;
  static constexpr size_t kBytes = 20;
  static constexpr Codes kCodes = {0, 15};
  static constexpr size_t kScaled = 32;
  static constexpr bool kHasMinima = true;

  static void decode(const uint8_t* b, float* y) {
    const float d = half_at(b);
    const float m = half_at(b + 2);
    for (size_t i = 0; i < 16; i++) {
      y[i] = d * static_cast<float>(b[4 + i] & 15) + m;
      y[i + 16] = d * static_cast<float>(b[4 + i] >> 4) + m;
    }
  }

  template <class S, size_t Part> static typename S::Bytes codes(const uint8_t* b) { return S::low_then_high(b + 4); }

  template <class S> static void scales(const uint8_t* b, float* scales, float* minima) {
    scales[0] = half_at(b);
    minima[0] = -half_at(b + 2);
  }
};

}  // namespace
}  // namespace mixtape
