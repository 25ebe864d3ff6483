#pragma once
// 32 numbers of 8 bits: AVX2.

#include <immintrin.h>
#include <math.h>

#include "core/types.h"

namespace mixtape {
namespace {

/** As PortableBytes describes. */
struct Avx2Bytes {
  static constexpr int kInt8Rows = 2;
  static constexpr int kInt8Tokens = 4;
  using Bytes = __m256i;
  using F8 = __m256;

  static Bytes load_bytes(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static Bytes fill_bytes(int x) { return _mm256_set1_epi8(static_cast<char>(x)); }
  static Bytes low_then_high(const uint8_t* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return low_nibbles(_mm256_set_m128i(_mm_srli_epi16(bytes, 4), bytes));
  }
  static Bytes low_and_high(const uint8_t* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i high = _mm_srli_epi16(bytes, 4);
    return low_nibbles(_mm256_set_m128i(_mm_unpackhi_epi8(bytes, high), _mm_unpacklo_epi8(bytes, high)));
  }
  static Bytes low_nibbles(Bytes a) { return low_bits<4>(a); }
  static Bytes high_nibbles(Bytes a) { return low_bits<4>(_mm256_srli_epi16(a, 4)); }
  template <int Bits> static Bytes low_bits(Bytes a) { return _mm256_and_si256(a, fill_bytes((1 << Bits) - 1)); }
  template <int Bits> static Bytes shift_right(Bytes a) { return _mm256_srli_epi16(a, Bits); }
  template <int Bit, int To> static Bytes move_bit(Bytes a) {
    const Bytes moved = Bit < To ? _mm256_slli_epi16(a, Bit < To ? To - Bit : 0) : _mm256_srli_epi16(a, Bit > To ? Bit - To : 0);
    return _mm256_and_si256(moved, fill_bytes(1 << To));
  }
  template <int Bit> static Bytes two_bits_as(Bytes a) {
    const Bytes moved = Bit < 4 ? _mm256_slli_epi16(a, 4 - (Bit < 4 ? Bit : 0)) : _mm256_srli_epi16(a, Bit > 4 ? Bit - 4 : 0);
    return _mm256_and_si256(moved, fill_bytes(48));
  }
  static Bytes bits_as(uint32_t bits, int value) {
    const Bytes spread = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(bits)),
                                         _mm256_set_epi64x(0x0303030303030303, 0x0202020202020202, 0x0101010101010101, 0));
    const Bytes bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201));
    return _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit), fill_bytes(value));
  }
  static Bytes add_bytes(Bytes a, Bytes b) { return _mm256_add_epi8(a, b); }
  static Bytes look_up(const int8_t* table, Bytes a) {
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table))), a);
  }

  static F8 dot_unsigned(Bytes a, Bytes x) {
    return _mm256_cvtepi32_ps(_mm256_madd_epi16(_mm256_maddubs_epi16(a, x), _mm256_set1_epi16(1)));
  }
  static F8 dot_signed(Bytes a, Bytes x) { return dot_unsigned(_mm256_abs_epi8(a), _mm256_sign_epi8(x, a)); }

  static F8 splat8(float x) { return _mm256_set1_ps(x); }
  static F8 splat_halves(const float* p) { return _mm256_set_m128(_mm_broadcast_ss(p + 1), _mm_broadcast_ss(p)); }
  static F8 load_twice(const float* p) {
    return _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
  }
  static F8 load8(const float* p) { return _mm256_loadu_ps(p); }
  static void store8(float* p, F8 x) { _mm256_storeu_ps(p, x); }
  static F8 from_bytes8(const uint8_t* p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }
  static F8 from_int8(const int8_t* p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }
  static F8 from_bfloat16(const uint8_t* p) {
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
  }
  static void from_six_bits(const uint8_t* p, F8& first, F8& second) {
    const __m128i all = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i low = _mm_and_si128(all, _mm_set1_epi8(63));
    const __m128i nibbles = _mm_and_si128(_mm_srlv_epi32(_mm_shuffle_epi32(all, 0xaa), _mm_setr_epi32(0, 4, 0, 4)), _mm_set1_epi8(15));
    const __m128i high = _mm_and_si128(_mm_srli_epi16(all, 2), _mm_set1_epi8(48));
    const __m128i numbers = _mm_unpacklo_epi32(low, _mm_or_si128(nibbles, high));
    first = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(numbers));
    second = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_unpackhi_epi64(numbers, numbers)));
  }
  static F8 mul8(F8 a, F8 b) { return _mm256_mul_ps(a, b); }
  static F8 fma8(F8 a, F8 b, F8 c) { return _mm256_fmadd_ps(a, b, c); }
  static F8 fnma8(F8 a, F8 b, F8 c) { return _mm256_fnmadd_ps(a, b, c); }
  static float sum8(F8 a) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
  }
  static void quantize(const float* x, float factor, int8_t* to, int* sums) {
    __m256i parts[4];
    for (int i = 0; i < 4; i++) parts[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), splat8(factor)));
    sums[0] = sum(_mm256_add_epi32(parts[0], parts[1]));
    sums[1] = sum(_mm256_add_epi32(parts[2], parts[3]));
    const __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(parts[0], parts[1]), _mm256_packs_epi32(parts[2], parts[3]));
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_permutevar8x32_epi32(bytes, order));
  }
  static float max_abs(const float* x) {
    const __m256 sign = splat8(-0.0f);
    __m256 largest = _mm256_setzero_ps();
    __m256 unordered = _mm256_setzero_ps();
    for (int i = 0; i < 4; i++) {
      const __m256 value = _mm256_andnot_ps(sign, _mm256_loadu_ps(x + 8 * i));
      largest = _mm256_max_ps(largest, value);
      unordered = _mm256_or_ps(unordered, _mm256_cmp_ps(value, value, _CMP_UNORD_Q));
    }
    if (_mm256_movemask_ps(unordered)) return NAN;
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(largest), _mm256_extractf128_ps(largest, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
  }

 private:
  static int sum(__m256i a) {
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1)));
  }
};

}  // namespace
}  // namespace mixtape
