#pragma once
// Activations in 8 bits, and their sums with the codes of quantised weights.

#include "core/types.h"

namespace mixtape {
namespace {

/**
 * Packed activations of T tokens, at a block of 32. A token has its codes, and for each block a scale, the sum of what the codes stand
 * for, and the sums of both halves.
 */
template <int T> struct Int8Tokens {
  const uint8_t* packed;
  size_t width;
  size_t block;

  /** Of packed tokens: `width` is a multiple of 32. */
  static constexpr size_t token_bytes(size_t width) { return width + width / 32 * 4 * sizeof(float); }

  const int8_t* codes(int t) const { return reinterpret_cast<const int8_t*>(token(t)) + 32 * block; }
  const float* scales(int t) const { return numbers(t) + block; }
  const float* sums(int t) const { return numbers(t) + width / 32 + block; }
  const float* half_sums(int t) const { return numbers(t) + 2 * (width / 32) + 2 * block; }

 private:
  const uint8_t* token(int t) const { return packed + static_cast<size_t>(t) * token_bytes(width); }
  const float* numbers(int t) const { return reinterpret_cast<const float*>(token(t) + width); }
};

/** Sums of a row of weights by T tokens, eight lanes of each. */
template <class S, int T> struct Int8Sums {
  typename S::F8 lanes[T];
  float offsets[T] = {};

  Int8Sums() {
    for (auto& sum : lanes) sum = S::splat8(0);
  }
  void add(int t, typename S::F8 dot, typename S::F8 scale) { lanes[t] = S::fma8(dot, scale, lanes[t]); }
  /** Subtracts `a · b` of eight blocks. */
  void subtract(int t, typename S::F8 a, typename S::F8 b) { lanes[t] = S::fnma8(a, b, lanes[t]); }
  /** Subtracts a number from the sum. */
  void subtract(int t, float x) { offsets[t] += x; }
  float of(int t) const { return S::sum8(lanes[t]) - offsets[t]; }
};

}  // namespace
}  // namespace mixtape
