#pragma once
// Vectors in plain C++: the definition of what the others compute, and the fallback.

#include <math.h>
#include <string.h>

#include "simd/portable_bytes.h"

namespace mixtape {
namespace {

/**
 * A set of vector operations. All instruction sets offer these; N is how many float32 a vector holds. `kBfloat16Product`
 * tells whether there is a product of bfloat16 pairs, on vectors B of 2·N of them; `kScalesAnything` whether `scale` takes any
 * number, and gives 0 where 2^n is too small for one. Numbers of 8 bits have operations of their own: see PortableBytes.
 */
struct Portable : PortableBytes {
  static constexpr const char* kName = "portable";
  static constexpr int N = 8;
  /** Tokens that a panel of codes meets together; 0 where there are no Dots. */
  static constexpr int kPanelTokens = 0;
  static constexpr bool kBfloat16Product = false;
  static constexpr bool kScalesAnything = false;
  struct F {
    float v[N];
  };

  static F set(float x) { return each([&](int) { return x; }); }
  static F zero() { return set(0); }
  static F load(const float* p) { return each([&](int i) { return p[i]; }); }
  static void store(float* p, F x) { memcpy(p, x.v, sizeof x.v); }
  /** The first `count` numbers, fewer than N; zeros behind them. Memory behind them is neither read nor written. */
  static F load_first(const float* p, size_t count) {
    float block[N] = {};
    memcpy(block, p, count * sizeof *p);
    return load(block);
  }
  static void store_first(float* p, F x, size_t count) {
    float block[N];
    store(block, x);
    memcpy(p, block, count * sizeof *p);
  }

  static F add(F a, F b) { return each([&](int i) { return a.v[i] + b.v[i]; }); }
  static F sub(F a, F b) { return each([&](int i) { return a.v[i] - b.v[i]; }); }
  static F mul(F a, F b) { return each([&](int i) { return a.v[i] * b.v[i]; }); }
  static F div(F a, F b) { return each([&](int i) { return a.v[i] / b.v[i]; }); }
  /** `a · b + c` */
  static F fma(F a, F b, F c) { return each([&](int i) { return a.v[i] * b.v[i] + c.v[i]; }); }
  /** Of a NaN and a number, `b`. */
  static F max(F a, F b) { return each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; }); }
  static F min(F a, F b) { return each([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; }); }
  static F sqrt(F a) { return each([&](int i) { return ::sqrtf(a.v[i]); }); }
  /** To the nearest whole number, ties to even. */
  static F round(F a) { return each([&](int i) { return ::nearbyintf(a.v[i]); }); }
  /** `a · 2^n`, n whole and such that 2^n is a normal number. */
  static F scale(F a, F n) {
    return each([&](int i) { return a.v[i] * from_bits(static_cast<uint32_t>(static_cast<int>(n.v[i]) + 127) << 23); });
  }
  /** `a < b ? x : y`, lane by lane. */
  static F select_less(F a, F b, F x, F y) { return each([&](int i) { return a.v[i] < b.v[i] ? x.v[i] : y.v[i]; }); }
  /** `x` is no number? `a` : `b`, lane by lane. */
  static F select_nan(F x, F a, F b) { return each([&](int i) { return x.v[i] != x.v[i] ? a.v[i] : b.v[i]; }); }
  static float sum(F a) {
    float sum = 0;
    for (float x : a.v) sum += x;
    return sum;
  }
  /** Lane i is the sum of `a[i]`, of N vectors. */
  static F sums(const F* a) { return each([&](int i) { return sum(a[i]); }); }
  /** Transposes N vectors: lane j of vector i becomes lane i of vector j. */
  static void transpose(F* rows) {
    for (int i = 0; i < N; i++)
      for (int j = 0; j < i; j++) {
        const float x = rows[i].v[j];
        rows[i].v[j] = rows[j].v[i];
        rows[j].v[i] = x;
      }
  }
  static float reduce_max(F a) {
    float largest = a.v[0];
    for (float x : a.v) largest = x > largest ? x : largest;
    return largest;
  }

  static F load_bfloat16(const uint16_t* p) {
    return each([&](int i) { return from_bits(static_cast<uint32_t>(p[i]) << 16); });
  }
  static F load_float16(const uint16_t* p) { return each([&](int i) { return float16(p[i]); }); }
  static F load_int8(const int8_t* p) { return each([&](int i) { return static_cast<float>(p[i]); }); }
  /** Rounds to nearest, ties to even; a NaN stays one. */
  static void store_bfloat16(uint16_t* p, F x) {
    for (int i = 0; i < N; i++) p[i] = bfloat16(x.v[i]);
  }

  static uint16_t bfloat16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (x != x) return static_cast<uint16_t>(bits >> 16 | 0x40);
    return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }

 private:
  template <class Lane> static F each(Lane lane) {
    F out;
    for (int i = 0; i < N; i++) out.v[i] = lane(i);
    return out;
  }
  static float from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
  }
  static float float16(uint16_t half) {
    const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
    const uint32_t exponent = half >> 10 & 0x1f;
    const uint32_t fraction = half & 0x3ff;
    if (exponent == 0x1f) return from_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent > 0) return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    const float small = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -small : small;
  }
};

}  // namespace
}  // namespace mixtape
