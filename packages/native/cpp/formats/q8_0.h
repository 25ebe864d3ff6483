#pragma once
// Q8_0: a scale, and 32 numbers of 8 bits: `d · q`.

#include "formats/block.h"

namespace mixtape {
namespace {

struct Q8_0 {
  static constexpr Dtype dtype = Dtype::q8_0;
  static constexpr size_t kElements = 32;
  static constexpr size_t kBytes = 34;

  static void decode(const uint8_t* b, float* y) {
    const float d = half_at(b);
    for (size_t i = 0; i < 32; i++) y[i] = d * static_cast<float>(static_cast<int8_t>(b[2 + i]));
  }

  template <class S, int T> static void add(const uint8_t* b, const Int8Tokens<T>& x, Int8Sums<S, T>& sums) {
    const auto codes = S::load_bytes(b + 2);
    const float d = half_at(b);
    for (int t = 0; t < T; t++) sums.add(t, S::dot_signed(codes, S::load_bytes(x.codes(t))), d * x.scales(t)[0]);
  }
};

}  // namespace
}  // namespace mixtape
