#pragma once
// int4: codes of 4 bits in the order of the row, the first in the low bits, with scales in a plane of their own: `s · (q − 8)`. That is
// `pack-quantized` of compressed-tensors.

#include "formats/block.h"

namespace mixtape {
namespace {

struct Int4 {
  static constexpr Dtype dtype = Dtype::int4;
  static constexpr size_t kElements = 32;
  static constexpr size_t kBytes = 16;
  static constexpr Codes kCodes = {0, 15};
  static constexpr size_t kScaled = 32;
  static constexpr bool kHasMinima = true;

  static void decode(const uint8_t* b, float scale, size_t count, float* y) {
    for (size_t i = 0; i < count / 2; i++) {
      y[2 * i] = scale * static_cast<float>((b[i] & 15) - 8);
      y[2 * i + 1] = scale * static_cast<float>((b[i] >> 4) - 8);
    }
  }

  /** The numbers of a group are `scale · code − kOffset · scale`. */
  static constexpr float kOffset = 8;
  template <class S, size_t Part> static typename S::Bytes codes(const uint8_t* b) { return S::low_and_high(b); }
};

}  // namespace
}  // namespace mixtape
