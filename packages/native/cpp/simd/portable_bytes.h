#pragma once
// 32 numbers of 8 bits in plain C++: the definition of what the others compute, and the fallback.

#include <math.h>
#include <string.h>

#include "core/types.h"
#include "simd/six_bits.h"

namespace mixtape {
namespace {

/**
 * Operations on 32 numbers of 8 bits (Bytes), with or without a sign, and on 8 sums of float32 (F8). Lane i of a dot product is the sum of
 * the products 4·i to 4·i + 3: lanes 0 to 3 are of the first 16 numbers.
 */
struct PortableBytes {
  /** Rows of weights, and tokens, whose sums are kept together. */
  static constexpr int kInt8Rows = 1;
  static constexpr int kInt8Tokens = 1;
  struct Bytes {
    uint8_t v[32];
  };
  struct F8 {
    float v[8];
  };

  static Bytes load_bytes(const void* p) {
    Bytes out;
    memcpy(out.v, p, 32);
    return out;
  }
  static Bytes fill_bytes(int x) { return each([&](int) { return x; }); }
  /** 16 bytes: their low halves, then their high ones. */
  static Bytes low_then_high(const uint8_t* p) { return each([&](int i) { return i < 16 ? p[i] & 15 : p[i - 16] >> 4; }); }
  /** 16 bytes: the low half of each, followed by its high one. */
  static Bytes low_and_high(const uint8_t* p) { return each([&](int i) { return p[i / 2] >> 4 * (i % 2) & 15; }); }
  static Bytes low_nibbles(Bytes a) { return each([&](int i) { return a.v[i] & 15; }); }
  static Bytes high_nibbles(Bytes a) { return each([&](int i) { return a.v[i] >> 4; }); }
  template <int Bits> static Bytes low_bits(Bytes a) { return each([&](int i) { return a.v[i] & ((1 << Bits) - 1); }); }
  /** Bytes shifted right; what comes in from the next byte is not defined. */
  template <int Bits> static Bytes shift_right(Bytes a) { return each([&](int i) { return a.v[i] >> Bits; }); }
  /** A bit of each byte, moved to place `To`; all others are zero. */
  template <int Bit, int To> static Bytes move_bit(Bytes a) { return each([&](int i) { return (a.v[i] >> Bit & 1) << To; }); }
  /** Two bits of each byte, from `Bit` on, as 0, 16, 32 or 48. */
  template <int Bit> static Bytes two_bits_as(Bytes a) { return each([&](int i) { return (a.v[i] >> Bit & 3) << 4; }); }
  /** Byte i is `value` where bit i is set, else 0. */
  static Bytes bits_as(uint32_t bits, int value) { return each([&](int i) { return bits >> i & 1 ? value : 0; }); }
  static Bytes add_bytes(Bytes a, Bytes b) { return each([&](int i) { return a.v[i] + b.v[i]; }); }
  /** Byte i is `table[a[i]]`, of 16. */
  static Bytes look_up(const int8_t* table, Bytes a) { return each([&](int i) { return table[a.v[i]]; }); }

  /** Without a sign, at most 127, by with one. No pair of products may exceed 16 bits. */
  static F8 dot_unsigned(Bytes a, Bytes x) {
    return dot([&](int i) { return static_cast<int>(a.v[i]) * static_cast<int8_t>(x.v[i]); });
  }
  static F8 dot_signed(Bytes a, Bytes x) {
    return dot([&](int i) { return static_cast<int>(static_cast<int8_t>(a.v[i])) * static_cast<int8_t>(x.v[i]); });
  }

  static F8 splat8(float x) { return lanes([&](int) { return x; }); }
  /** Four lanes of the first number, four of the second. */
  static F8 splat_halves(const float* p) { return lanes([&](int i) { return p[i / 4]; }); }
  /** Each of four numbers twice. */
  static F8 load_twice(const float* p) { return lanes([&](int i) { return p[i / 2]; }); }
  static F8 load8(const float* p) { return lanes([&](int i) { return p[i]; }); }
  static void store8(float* p, F8 x) { memcpy(p, x.v, sizeof x.v); }
  /** Eight numbers without a sign. */
  static F8 from_bytes8(const uint8_t* p) { return lanes([&](int i) { return static_cast<float>(p[i]); }); }
  static F8 from_int8(const int8_t* p) { return lanes([&](int i) { return static_cast<float>(p[i]); }); }
  /** Sixteen numbers in 12 bytes, see SixBits. May read 16. */
  static void from_six_bits(const uint8_t* p, F8& first, F8& second) {
    const SixBits numbers(p);
    first = from_bytes8(numbers.first);
    second = from_bytes8(numbers.second);
  }
  /** Eight numbers in bfloat16. */
  static F8 from_bfloat16(const uint8_t* p) {
    return lanes([&](int i) {
      const uint32_t bits = static_cast<uint32_t>(p[2 * i] | p[2 * i + 1] << 8) << 16;
      float x;
      memcpy(&x, &bits, sizeof x);
      return x;
    });
  }
  static F8 mul8(F8 a, F8 b) { return lanes([&](int i) { return a.v[i] * b.v[i]; }); }
  /** `c + a · b` */
  static F8 fma8(F8 a, F8 b, F8 c) { return lanes([&](int i) { return c.v[i] + a.v[i] * b.v[i]; }); }
  /** `c − a · b` */
  static F8 fnma8(F8 a, F8 b, F8 c) { return lanes([&](int i) { return c.v[i] - a.v[i] * b.v[i]; }); }
  static float sum8(F8 a) {
    float sum = 0;
    for (const float x : a.v) sum += x;
    return sum;
  }
  /** Rounds 32 numbers, each times `factor`, to the nearest whole ones, which fit 8 bits. Returns the sums of both halves. */
  static void quantize(const float* x, float factor, int8_t* to, int* sums) {
    sums[0] = sums[1] = 0;
    for (int i = 0; i < 32; i++) {
      to[i] = static_cast<int8_t>(nearbyintf(x[i] * factor));
      sums[i / 16] += to[i];
    }
  }
  /** The largest magnitude of 32 numbers; a NaN where there is one. */
  static float max_abs(const float* x) {
    float largest = 0;
    for (int i = 0; i < 32; i++) {
      const float size = fabsf(x[i]);
      largest = size > largest || size != size ? size : largest;
    }
    return largest;
  }

 private:
  template <class Lane> static Bytes each(Lane lane) {
    Bytes out;
    for (int i = 0; i < 32; i++) out.v[i] = static_cast<uint8_t>(lane(i));
    return out;
  }
  template <class Lane> static F8 lanes(Lane lane) {
    F8 out;
    for (int i = 0; i < 8; i++) out.v[i] = lane(i);
    return out;
  }
  template <class Term> static F8 dot(Term term) {
    return lanes([&](int i) { return static_cast<float>(term(4 * i) + term(4 * i + 1) + term(4 * i + 2) + term(4 * i + 3)); });
  }
};

}  // namespace
}  // namespace mixtape
