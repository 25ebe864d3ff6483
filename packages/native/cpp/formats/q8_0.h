#pragma once
// Q8_0: a scale, and 32 numbers of 8 bits: `d · q`.

#include "formats/block.h"

namespace mixtape {
namespace {

struct Q8_0 {
  static constexpr Dtype dtype = Dtype::q8_0;
  static constexpr size_t kElements = 32;
  static constexpr size_t kBytes = 34;
  static constexpr Codes kCodes = {-128, 127};
  static constexpr size_t kScaled = 32;
  static constexpr bool kHasMinima = false;

  static void decode(const uint8_t* b, float* y) {
    const float d = half_at(b);
    for (size_t i = 0; i < 32; i++) y[i] = d * static_cast<float>(static_cast<int8_t>(b[2 + i]));
  }

  template <class S, size_t Part> static typename S::Bytes codes(const uint8_t* b) { return S::load_bytes(b + 2); }

  template <class S> static void scales(const uint8_t* b, float* scales, float*) { scales[0] = half_at(b); }
};

}  // namespace
}  // namespace mixtape
