#pragma once
// The scales and minima of Q4_K and Q5_K: eight of each, of 6 bits. Blocks begin with the factors of both, then come these.

#include "formats/block.h"
#include "simd/six_bits.h"

namespace mixtape {
namespace {

/** The scales of a block, and its minima. */
template <class S> inline void k_scales(const uint8_t* b, float* scales, float* minima) {
  typename S::F8 scale, minimum;
  S::from_six_bits(b + 4, scale, minimum);
  S::store8(scales, S::mul8(S::splat8(half_at(b)), scale));
  S::store8(minima, S::mul8(S::splat8(half_at(b + 2)), minimum));
}

}  // namespace
}  // namespace mixtape
