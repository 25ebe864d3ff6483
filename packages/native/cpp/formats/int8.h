#pragma once
// int8: codes of 8 bits, with scales in a plane of their own: `s · (q − 128)`. That is `pack-quantized` of compressed-tensors.

#include "formats/block.h"

namespace mixtape {
namespace {

struct Int8 {
  static constexpr Dtype dtype = Dtype::int8;

  static void decode(const uint8_t* b, float scale, size_t count, float* y) {
    for (size_t i = 0; i < count; i++) y[i] = scale * static_cast<float>(b[i] - 128);
  }

  /** 32 codes that share a scale. */
  template <class S, int T> static void add(const uint8_t* b, float scale, const Int8Tokens<T>& x, Int8Sums<S, T>& sums) {
    const auto numbers = S::add_bytes(S::load_bytes(b), S::fill_bytes(-128));
    for (int t = 0; t < T; t++)
      sums.add(t, S::dot_signed(numbers, S::load_bytes(x.codes(t))), scale * x.scales(t)[0]);
  }
};

}  // namespace
}  // namespace mixtape
