#pragma once
// What formats of blocks share. Such a format is a struct, in a file of its own, that offers
//   dtype, kElements, kBytes, and decode(block, y), which writes the kElements numbers of a block;
//   kCodes, the range of its codes, and codes<S, Part>(block), the 32 of a part;
//   kScaled, how many codes have a scale in common, 32 or 16, kHasMinima, and scales<S>(block, scales, minima), which writes one of each
//   for them: a number of a block is `scale · code − minimum`.
// Formulas are those of ggml's `dequantize_row_*` (https://github.com/ggml-org/llama.cpp, ggml/src/ggml-quants.c), as the gguf
// package of Python has them in gguf/quants.py.

#include <string.h>

#include "core/types.h"

#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace mixtape {
namespace {

/** The range of codes. Those that may be negative have a sign in their eighth bit. */
struct Codes {
  int smallest;
  int largest;
  constexpr bool has_sign() const { return smallest < 0; }
};

/** A number that is known when a call is compiled. Those of the standard library would be shared between instruction sets. */
template <size_t Value> struct Constant {
  constexpr operator size_t() const { return Value; }
};

/** Calls `use` with each part of a block: its number is a constant. */
template <size_t Parts, size_t Part = 0, class Use> inline void for_parts(Use&& use) {
  if constexpr (Part < Parts) {
    use(Constant<Part>{});
    for_parts<Parts, Part + 1>(use);
  }
}

inline float float_from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/** A float16 number of a block, which has no alignment. */
inline float half_at(const uint8_t* p) {
#if defined(__F16C__)
  uint16_t half;
  memcpy(&half, p, sizeof half);
  return _cvtsh_ss(half);
#elif defined(__ARM_FP16_FORMAT_IEEE)
  __fp16 half;
  memcpy(&half, p, sizeof half);
  return static_cast<float>(half);
#else
  uint16_t half;
  memcpy(&half, p, sizeof half);
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t exponent = half >> 10 & 0x1f;
  const uint32_t fraction = half & 0x3ff;
  if (exponent == 0x1f) return float_from_bits(sign | 0x7f800000 | fraction << 13);
  if (exponent > 0) return float_from_bits(sign | (exponent + 112) << 23 | fraction << 13);
  const float small = static_cast<float>(fraction) * 0x1p-24f;
  return sign ? -small : small;
#endif
}

inline uint32_t uint32_at(const uint8_t* p) {
  uint32_t x;
  memcpy(&x, p, sizeof x);
  return x;
}

inline float bfloat16_at(const uint8_t* p) {
  uint16_t half;
  memcpy(&half, p, sizeof half);
  return float_from_bits(static_cast<uint32_t>(half) << 16);
}

}  // namespace
}  // namespace mixtape
