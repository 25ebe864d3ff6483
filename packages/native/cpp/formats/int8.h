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

  /** Offset that is subtracted from codes: none, since they are numbers with a sign here. */
  static constexpr float kOffset = 0;

  /** The dot product of 32 codes. */
  template <class S> static typename S::F8 dot(typename S::Bytes codes, typename S::Bytes x) { return S::dot_signed(codes, x); }
  template <class S> static typename S::Bytes codes(const uint8_t* b) { return S::add_bytes(S::load_bytes(b), S::fill_bytes(-128)); }
};

}  // namespace
}  // namespace mixtape
