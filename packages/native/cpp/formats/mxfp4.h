#pragma once
// MXFP4 as GGUF stores it: an exponent, and 32 codes of E2M1, those of the second half in the high bits.

#include "formats/iq4.h"

namespace mixtape {
namespace {

struct MXFP4 {
  static constexpr Dtype dtype = Dtype::mxfp4;
  static constexpr size_t kElements = 32;
  static constexpr size_t kBytes = 17;
  static constexpr Codes kCodes = {-12, 12};
  static constexpr size_t kScaled = 32;
  static constexpr bool kHasMinima = false;

  /** `2^(e − 128)`: half of the scale, for numbers that are doubled. Small ones are denormal. */
  static float scale(uint8_t e) { return float_from_bits(e < 2 ? uint32_t{0x200000} << e : (uint32_t{e} - 1) << 23); }

  static void decode(const uint8_t* b, float* y) {
    const float d = scale(b[0]);
    for (size_t i = 0; i < 16; i++) {
      y[i] = d * static_cast<float>(kFp4Numbers[b[1 + i] & 15]);
      y[i + 16] = d * static_cast<float>(kFp4Numbers[b[1 + i] >> 4]);
    }
  }

  template <class S, size_t Part> static typename S::Bytes codes(const uint8_t* b) {
    return S::look_up(kFp4Numbers, S::low_then_high(b + 1));
  }

  template <class S> static void scales(const uint8_t* b, float* scales, float*) { scales[0] = scale(b[0]); }
};

}  // namespace
}  // namespace mixtape
