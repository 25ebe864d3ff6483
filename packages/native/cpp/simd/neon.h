#pragma once
// 128 bits of AArch64, two at a time.

#include <arm_neon.h>
#include <string.h>

#include "simd/neon_bytes.h"

namespace mixtape {
namespace {

/** As Portable describes. */
struct Neon : NeonBytes {
  static constexpr const char* kName = "neon";
  static constexpr int N = 4;
  static constexpr int kPanelTokens = 0;
  static constexpr bool kBfloat16Product = false;
  static constexpr bool kScalesAnything = false;
  using F = float32x4_t;

  static F set(float x) { return vdupq_n_f32(x); }
  static F zero() { return vdupq_n_f32(0); }
  static F load(const float* p) { return vld1q_f32(p); }
  static void store(float* p, F x) { vst1q_f32(p, x); }
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

  static F add(F a, F b) { return vaddq_f32(a, b); }
  static F sub(F a, F b) { return vsubq_f32(a, b); }
  static F mul(F a, F b) { return vmulq_f32(a, b); }
  static F div(F a, F b) { return vdivq_f32(a, b); }
  static F fma(F a, F b, F c) { return vfmaq_f32(c, a, b); }
  static F max(F a, F b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
  static F min(F a, F b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
  static F sqrt(F a) { return vsqrtq_f32(a); }
  static F round(F a) { return vrndnq_f32(a); }
  static F scale(F a, F n) {
    const int32x4_t exponent = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
    return vmulq_f32(a, vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23)));
  }
  static F select_less(F a, F b, F x, F y) { return vbslq_f32(vcltq_f32(a, b), x, y); }
  static F select_nan(F x, F a, F b) { return vbslq_f32(vceqq_f32(x, x), b, a); }
  static float sum(F a) { return vaddvq_f32(a); }
  static F sums(const F* a) { return vpaddq_f32(vpaddq_f32(a[0], a[1]), vpaddq_f32(a[2], a[3])); }
  static void transpose(F* rows) {
    const float32x4x2_t low = vtrnq_f32(rows[0], rows[1]);
    const float32x4x2_t high = vtrnq_f32(rows[2], rows[3]);
    for (int i = 0; i < 2; i++) {
      rows[i] = vcombine_f32(vget_low_f32(low.val[i]), vget_low_f32(high.val[i]));
      rows[i + 2] = vcombine_f32(vget_high_f32(low.val[i]), vget_high_f32(high.val[i]));
    }
  }
  static float reduce_max(F a) { return vmaxvq_f32(a); }

  static F load_bfloat16(const uint16_t* p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)); }
  static F load_float16(const uint16_t* p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
  static F load_int8(const int8_t* p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    const int16x8_t wide = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
  }
  static void store_bfloat16(uint16_t* p, F x) {
    const uint32x4_t bits = vreinterpretq_u32_f32(x);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
    const uint32x4_t nan = vorrq_u32(bits, vdupq_n_u32(0x400000));
    vst1_u16(p, vshrn_n_u32(vbslq_u32(vceqq_f32(x, x), rounded, nan), 16));
  }
};

}  // namespace
}  // namespace mixtape
