#pragma once
// IQ4_NL: a scale, and 32 codes of 4 bits for unevenly spaced numbers, those of the second half in the high bits.

#include "formats/iq4.h"

namespace mixtape {
namespace {

struct IQ4_NL {
  static constexpr Dtype dtype = Dtype::iq4_nl;
  static constexpr size_t kElements = 32;
  static constexpr size_t kBytes = 18;
  static constexpr Codes kCodes = {-127, 113};
  static constexpr size_t kScaled = 32;
  static constexpr bool kHasMinima = false;

  static void decode(const uint8_t* b, float* y) {
    const float d = half_at(b);
    for (size_t i = 0; i < 16; i++) {
      y[i] = d * static_cast<float>(kIq4Numbers[b[2 + i] & 15]);
      y[i + 16] = d * static_cast<float>(kIq4Numbers[b[2 + i] >> 4]);
    }
  }

  template <class S, size_t Part> static typename S::Bytes codes(const uint8_t* b) {
    return S::look_up(kIq4Numbers, S::low_then_high(b + 2));
  }

  template <class S> static void scales(const uint8_t* b, float* scales, float*) { scales[0] = half_at(b); }
};

}  // namespace
}  // namespace mixtape
