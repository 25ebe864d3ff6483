#pragma once
// Q5_K: as Q4_K, with a fifth bit of each code: `d · s · q − dmin · m`.

#include "formats/k_scales.h"

namespace mixtape {
namespace {

struct Q5_K {
  static constexpr Dtype dtype = Dtype::q5_k;
  static constexpr size_t kElements = 256;
  static constexpr size_t kBytes = 176;
  static constexpr Codes kCodes = {0, 31};
  static constexpr size_t kScaled = 32;
  static constexpr bool kHasMinima = true;

  static void decode(const uint8_t* b, float* y) {
    const float d = half_at(b);
    const float dmin = half_at(b + 2);
    const SixBits s(b + 4);
    const uint8_t* const fifth = b + 16;
    for (size_t j = 0; j < 8; j++) {
      const uint8_t* const q = b + 48 + 32 * (j / 2);
      const float scale = d * s.first[j];
      const float minimum = dmin * s.second[j];
      for (size_t i = 0; i < 32; i++) {
        const int code = (q[i] >> 4 * (j % 2) & 15) | (fifth[i] >> j & 1) << 4;
        y[32 * j + i] = scale * static_cast<float>(code) - minimum;
      }
    }
  }

  template <class S, size_t Part> static typename S::Bytes codes(const uint8_t* b) {
    const auto both = S::load_bytes(b + 48 + 32 * (Part / 2));
    const auto fifth = S::template move_bit<Part, 4>(S::load_bytes(b + 16));
    return S::add_bytes(Part % 2 == 0 ? S::low_nibbles(both) : S::high_nibbles(both), fifth);
  }

  template <class S> static void scales(const uint8_t* b, float* scales, float* minima) { k_scales<S>(b, scales, minima); }
};

}  // namespace
}  // namespace mixtape
