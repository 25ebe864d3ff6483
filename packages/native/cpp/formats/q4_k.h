#pragma once
// Q4_K: 256 codes of 4 bits in eight blocks of 32, each with a scale and a minimum of 6 bits: `d · s · q − dmin · m`.

#include "formats/k_scales.h"

namespace mixtape {
namespace {

struct Q4_K {
  static constexpr Dtype dtype = Dtype::q4_k;
  static constexpr size_t kElements = 256;
  static constexpr size_t kBytes = 144;
  static constexpr Codes kCodes = {0, 15};
  static constexpr size_t kScaled = 32;
  static constexpr bool kHasMinima = true;

  static void decode(const uint8_t* b, float* y) {
    const float d = half_at(b);
    const float dmin = half_at(b + 2);
    const SixBits s(b + 4);
    for (size_t j = 0; j < 8; j += 2) {
      const uint8_t* const q = b + 16 + 16 * j;
      const float scale[2] = {d * s.first[j], d * s.first[j + 1]};
      const float minimum[2] = {dmin * s.second[j], dmin * s.second[j + 1]};
      for (size_t i = 0; i < 32; i++) y[32 * j + i] = scale[0] * static_cast<float>(q[i] & 15) - minimum[0];
      for (size_t i = 0; i < 32; i++) y[32 * j + 32 + i] = scale[1] * static_cast<float>(q[i] >> 4) - minimum[1];
    }
  }

  template <class S, size_t Part> static typename S::Bytes codes(const uint8_t* b) {
    const auto both = S::load_bytes(b + 16 + 32 * (Part / 2));
    return Part % 2 == 0 ? S::low_nibbles(both) : S::high_nibbles(both);
  }

  template <class S> static void scales(const uint8_t* b, float* scales, float* minima) { k_scales<S>(b, scales, minima); }
};

}  // namespace
}  // namespace mixtape
