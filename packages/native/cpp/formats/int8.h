#pragma once
// int8: codes of 8 bits, with scales in a plane of their own: `s · (q − 128)`. That is `pack-quantized` of compressed-tensors.

#include "formats/block.h"

namespace mixtape {
namespace {

struct Int8 {
  static constexpr Dtype dtype = Dtype::int8;
  static constexpr size_t kElements = 32;
  static constexpr size_t kBytes = 32;
  static constexpr Codes kCodes = {-128, 127};
  static constexpr size_t kScaled = 32;
  static constexpr bool kHasMinima = false;

  static void decode(const uint8_t* b, float scale, size_t count, float* y) {
    for (size_t i = 0; i < count; i++) y[i] = scale * static_cast<float>(b[i] - 128);
  }

  /** None: codes are numbers with a sign here. */
  static constexpr float kOffset = 0;
  template <class S, size_t Part> static typename S::Bytes codes(const uint8_t* b) { return S::add_bytes(S::load_bytes(b), S::fill_bytes(-128)); }
};

}  // namespace
}  // namespace mixtape
