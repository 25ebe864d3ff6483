#pragma once
// 512 bits: AVX-512 F, BW, DQ, VL, VNNI and BF16.

#include "simd/vnni_bytes.h"
#include "simd/vnni_dots.h"

namespace mixtape {
namespace {

/** As Portable describes. */
struct Avx512 : VnniBytes {
  static constexpr const char* kName = "avx512";
  static constexpr int N = 16;
  static constexpr bool kBfloat16Product = true;
  static constexpr bool kScalesAnything = true;
  using F = __m512;
  /** Tokens that a panel of codes meets together. */
  static constexpr int kPanelTokens = 8;
  template <int Range> using Dots = VnniQuads;
  using B = __m512bh;

  static F set(float x) { return _mm512_set1_ps(x); }
  static F zero() { return _mm512_setzero_ps(); }
  static F load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, F x) { _mm512_storeu_ps(p, x); }
  static F load_first(const float* p, size_t count) { return _mm512_maskz_loadu_ps(first(count), p); }
  static void store_first(float* p, F x, size_t count) { _mm512_mask_storeu_ps(p, first(count), x); }

  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F div(F a, F b) { return _mm512_div_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  /** `c − a · b` */
  static F fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }
  static F max(F a, F b) { return _mm512_max_ps(a, b); }
  static F min(F a, F b) { return _mm512_min_ps(a, b); }
  static F sqrt(F a) { return _mm512_sqrt_ps(a); }
  static F round(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static F scale(F a, F n) { return _mm512_scalef_ps(a, n); }
  static F select_less(F a, F b, F x, F y) { return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x); }
  static F select_nan(F x, F a, F b) { return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), b, a); }
  static float sum(F a) { return _mm512_reduce_add_ps(a); }
  static F sums(const F* a) {
    const F x = pair(four(a), four(a + 4));
    const F y = pair(four(a + 8), four(a + 12));
    return pair(x, y);
  }
  static void transpose(F* rows) {
    __m512 a[16];
    for (int i = 0; i < 16; i += 2) {
      a[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
      a[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
    }
    __m512 b[16];
    for (int i = 0; i < 16; i += 4) {
      for (int half = 0; half < 2; half++) {
        const __m512d low = _mm512_castps_pd(a[i + half]);
        const __m512d high = _mm512_castps_pd(a[i + half + 2]);
        b[i + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
        b[i + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
      }
    }
    // Now b[4i + j] holds column 4q + j of rows 4i … 4i + 3 in quarter q.
    for (int j = 0; j < 4; j++) {
      const __m512 low = _mm512_shuffle_f32x4(b[j], b[4 + j], 0x88);
      const __m512 low_odd = _mm512_shuffle_f32x4(b[j], b[4 + j], 0xdd);
      const __m512 high = _mm512_shuffle_f32x4(b[8 + j], b[12 + j], 0x88);
      const __m512 high_odd = _mm512_shuffle_f32x4(b[8 + j], b[12 + j], 0xdd);
      rows[j] = _mm512_shuffle_f32x4(low, high, 0x88);
      rows[8 + j] = _mm512_shuffle_f32x4(low, high, 0xdd);
      rows[4 + j] = _mm512_shuffle_f32x4(low_odd, high_odd, 0x88);
      rows[12 + j] = _mm512_shuffle_f32x4(low_odd, high_odd, 0xdd);
    }
  }
  static float reduce_max(F a) { return _mm512_reduce_max_ps(a); }

  static F load_bfloat16(const uint16_t* p) {
    const __m256i raw = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(raw), 16));
  }
  static F load_float16(const uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static F load_int8(const int8_t* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
  static void store_bfloat16(uint16_t* p, F x) {
    // By hand: the instruction takes denormal numbers for zero.
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    const __m512i nan = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    const __mmask16 is_nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    const __m512i high = _mm512_srli_epi32(_mm512_mask_blend_epi32(is_nan, rounded, nan), 16);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(high));
  }

  /** Pair i is `even[i]`, `odd[i]`, rounded. What is too small for a normal number becomes 0. */
  static void store_pairs(uint16_t* p, F even, F odd) {
    const __m512i halves = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(odd, even));
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20,
                                           4, 19, 3, 18, 2, 17, 1, 16, 0);
    _mm512_storeu_si512(p, _mm512_permutexvar_epi16(order, halves));
  }
  /** Pair i is `even[i]`, `odd[i]`, of 32 each. */
  static void interleave(const uint16_t* even, const uint16_t* odd, uint16_t* pairs) {
    const __m512i a = _mm512_loadu_si512(even);
    const __m512i b = _mm512_loadu_si512(odd);
    const __m512i low = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37, 5, 36,
                                         4, 35, 3, 34, 2, 33, 1, 32, 0);
    const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    _mm512_storeu_si512(pairs, _mm512_permutex2var_epi16(a, low, b));
    _mm512_storeu_si512(pairs + 32, _mm512_permutex2var_epi16(a, high, b));
  }
  static B broadcast_pair(uint32_t pair) { return reinterpret_cast<B>(_mm512_set1_epi32(static_cast<int>(pair))); }
  static B load_pairs(const uint16_t* p) { return reinterpret_cast<B>(_mm512_loadu_si512(p)); }
  /** `acc[i] + a[2i]·b[2i] + a[2i+1]·b[2i+1]` */
  static F dot_pairs(F acc, B a, B b) { return _mm512_dpbf16_ps(acc, a, b); }

 private:
  static __mmask16 first(size_t count) { return static_cast<__mmask16>((1u << count) - 1); }
  /** In each quarter the sums of that quarter of four vectors. */
  static F four(const F* a) {
    const auto ab = _mm512_castps_pd(add(_mm512_unpacklo_ps(a[0], a[1]), _mm512_unpackhi_ps(a[0], a[1])));
    const auto cd = _mm512_castps_pd(add(_mm512_unpacklo_ps(a[2], a[3]), _mm512_unpackhi_ps(a[2], a[3])));
    return add(_mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)), _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)));
  }
  /** The sums of neighbouring quarters, first those of a. */
  static F pair(F a, F b) { return add(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd)); }
};

}  // namespace
}  // namespace mixtape
