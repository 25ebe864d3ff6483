#pragma once
// Q5_1: a scale, a minimum, and 32 codes of 5 bits, whose highest bits are stored together: `d · q + m`.

#include "formats/block.h"

namespace mixtape {
namespace {

struct Q5_1 {
  static constexpr Dtype dtype = Dtype::q5_1;
  static constexpr size_t kElements = 32;
  static constexpr size_t kBytes = 24;
  static constexpr Codes kCodes = {0, 31};
  static constexpr size_t kScaled = 32;
  static constexpr bool kHasMinima = true;

  static void decode(const uint8_t* b, float* y) {
    const float d = half_at(b);
    const float m = half_at(b + 2);
    const uint32_t high = uint32_at(b + 4);
    for (size_t i = 0; i < 16; i++) {
      y[i] = d * static_cast<float>((b[8 + i] & 15) | (high >> i & 1) << 4) + m;
      y[i + 16] = d * static_cast<float>((b[8 + i] >> 4) | (high >> (i + 16) & 1) << 4) + m;
    }
  }

  template <class S, size_t Part> static typename S::Bytes codes(const uint8_t* b) {
    return S::add_bytes(S::low_then_high(b + 8), S::bits_as(uint32_at(b + 4), 16));
  }

  template <class S> static void scales(const uint8_t* b, float* scales, float* minima) {
    scales[0] = half_at(b);
    minima[0] = -half_at(b + 2);
  }
};

}  // namespace
}  // namespace mixtape
