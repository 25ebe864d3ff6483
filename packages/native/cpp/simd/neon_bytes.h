#pragma once
// 32 numbers of 8 bits: NEON, with its dot products where the compiler may use them.

#include <arm_neon.h>

#include "core/types.h"
#include "simd/six_bits.h"

namespace mixtape {
namespace {

/** As PortableBytes describes. */
struct NeonBytes {
  static constexpr int kInt8Rows = 2;
  static constexpr int kInt8Tokens = 4;
  using Bytes = uint8x16x2_t;
  using F8 = float32x4x2_t;

  static Bytes load_bytes(const void* p) {
    const auto* const bytes = static_cast<const uint8_t*>(p);
    return {{vld1q_u8(bytes), vld1q_u8(bytes + 16)}};
  }
  static Bytes fill_bytes(int x) { return both(vdupq_n_u8(static_cast<uint8_t>(x))); }
  static Bytes low_then_high(const uint8_t* p) {
    const uint8x16_t bytes = vld1q_u8(p);
    return {{vandq_u8(bytes, vdupq_n_u8(15)), vshrq_n_u8(bytes, 4)}};
  }
  static Bytes low_and_high(const uint8_t* p) {
    const Bytes halves = low_then_high(p);
    return {{vzip1q_u8(halves.val[0], halves.val[1]), vzip2q_u8(halves.val[0], halves.val[1])}};
  }
  static Bytes low_nibbles(Bytes a) { return low_bits<4>(a); }
  static Bytes high_nibbles(Bytes a) { return shift_right<4>(a); }
  template <int Bits> static Bytes low_bits(Bytes a) { return masked(a, (1 << Bits) - 1); }
  template <int Bits> static Bytes shift_right(Bytes a) { return {{vshrq_n_u8(a.val[0], Bits), vshrq_n_u8(a.val[1], Bits)}}; }
  template <int Bit, int To> static Bytes move_bit(Bytes a) { return masked(tested(a, vdupq_n_u8(1 << Bit)), 1 << To); }
  template <int Bit> static Bytes two_bits_as(Bytes a) {
    if constexpr (Bit > 4) {
      return masked(shift_right<Bit - 4>(a), 48);
    } else {
      return masked({{vshlq_n_u8(a.val[0], 4 - Bit), vshlq_n_u8(a.val[1], 4 - Bit)}}, 48);
    }
  }
  static Bytes bits_as(uint32_t bits, int value) {
    const auto spread = [&](int shift) {
      return vcombine_u8(vdup_n_u8(static_cast<uint8_t>(bits >> shift)), vdup_n_u8(static_cast<uint8_t>(bits >> (shift + 8))));
    };
    const uint8x8_t bit = vcreate_u8(0x8040201008040201);
    return masked(tested({{spread(0), spread(16)}}, vcombine_u8(bit, bit)), value);
  }
  static Bytes add_bytes(Bytes a, Bytes b) { return {{vaddq_u8(a.val[0], b.val[0]), vaddq_u8(a.val[1], b.val[1])}}; }
  static Bytes look_up(const int8_t* table, Bytes a) {
    const uint8x16_t numbers = vreinterpretq_u8_s8(vld1q_s8(table));
    return {{vqtbl1q_u8(numbers, a.val[0]), vqtbl1q_u8(numbers, a.val[1])}};
  }

  static F8 dot_unsigned(Bytes a, Bytes x) { return dot_signed(a, x); }
  static F8 dot_signed(Bytes a, Bytes x) { return {{vcvtq_f32_s32(dot(a.val[0], x.val[0])), vcvtq_f32_s32(dot(a.val[1], x.val[1]))}}; }

  static F8 splat8(float x) { return {{vdupq_n_f32(x), vdupq_n_f32(x)}}; }
  static F8 splat_halves(const float* p) { return {{vld1q_dup_f32(p), vld1q_dup_f32(p + 1)}}; }
  static F8 load_twice(const float* p) {
    const float32x4_t numbers = vld1q_f32(p);
    return {{vzip1q_f32(numbers, numbers), vzip2q_f32(numbers, numbers)}};
  }
  static F8 load8(const float* p) { return {{vld1q_f32(p), vld1q_f32(p + 4)}}; }
  static void store8(float* p, F8 x) {
    vst1q_f32(p, x.val[0]);
    vst1q_f32(p + 4, x.val[1]);
  }
  static F8 from_bytes8(const uint8_t* p) {
    const uint16x8_t wide = vmovl_u8(vld1_u8(p));
    return {{vcvtq_f32_u32(vmovl_u16(vget_low_u16(wide))), vcvtq_f32_u32(vmovl_u16(vget_high_u16(wide)))}};
  }
  static void from_six_bits(const uint8_t* p, F8& first, F8& second) {
    const SixBits numbers(p);
    first = from_bytes8(numbers.first);
    second = from_bytes8(numbers.second);
  }
  static F8 from_int8(const int8_t* p) {
    const int16x8_t wide = vmovl_s8(vld1_s8(p));
    return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(wide)))}};
  }
  static F8 from_bfloat16(const uint8_t* p) {
    const uint16x8_t halves = vreinterpretq_u16_u8(vld1q_u8(p));
    return {{vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(halves), 16)), vreinterpretq_f32_u32(vshll_n_u16(vget_high_u16(halves), 16))}};
  }
  static F8 mul8(F8 a, F8 b) { return {{vmulq_f32(a.val[0], b.val[0]), vmulq_f32(a.val[1], b.val[1])}}; }
  static F8 fma8(F8 a, F8 b, F8 c) { return {{vfmaq_f32(c.val[0], a.val[0], b.val[0]), vfmaq_f32(c.val[1], a.val[1], b.val[1])}}; }
  static F8 fnma8(F8 a, F8 b, F8 c) { return {{vfmsq_f32(c.val[0], a.val[0], b.val[0]), vfmsq_f32(c.val[1], a.val[1], b.val[1])}}; }
  static float sum8(F8 a) { return vaddvq_f32(vaddq_f32(a.val[0], a.val[1])); }
  static void quantize(const float* x, float factor, int8_t* to, int* sums) {
    for (int half = 0; half < 2; half++, x += 16, to += 16) {
      int16x4_t parts[4];
      for (int i = 0; i < 4; i++) parts[i] = vmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + 4 * i), factor)));
      const int8x16_t codes = vcombine_s8(vmovn_s16(vcombine_s16(parts[0], parts[1])), vmovn_s16(vcombine_s16(parts[2], parts[3])));
      vst1q_s8(to, codes);
      sums[half] = vaddlvq_s8(codes);
    }
  }
  static float max_abs(const float* x) {
    float32x4_t largest = vdupq_n_f32(0);
    // The largest of a NaN and a number is the NaN here.
    for (int i = 0; i < 8; i++) largest = vmaxq_f32(largest, vabsq_f32(vld1q_f32(x + 4 * i)));
    return vmaxvq_f32(largest);
  }

  /** Lane i is the sum of the products 4·i to 4·i + 3. */
  static int32x4_t dot(uint8x16_t a, uint8x16_t x) { return add_dot(vdupq_n_s32(0), vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(x)); }
  static int32x4_t add_dot(int32x4_t sums, int8x16_t a, int8x16_t x) {
#if defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(sums, a, x);
#else
    const int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(x)));
    const int32x4_t high = vpaddlq_s16(vmull_high_s8(a, x));
    return vaddq_s32(sums, vpaddq_s32(low, high));
#endif
  }

 private:
  static Bytes both(uint8x16_t a) { return {{a, a}}; }
  static Bytes masked(Bytes a, int mask) {
    const uint8x16_t all = vdupq_n_u8(static_cast<uint8_t>(mask));
    return {{vandq_u8(a.val[0], all), vandq_u8(a.val[1], all)}};
  }
  /** All bits of the bytes that have one of `bits`. */
  static Bytes tested(Bytes a, uint8x16_t bits) { return {{vtstq_u8(a.val[0], bits), vtstq_u8(a.val[1], bits)}}; }
};

}  // namespace
}  // namespace mixtape
