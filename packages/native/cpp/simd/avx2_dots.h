#pragma once
// Sums of products of codes for panels, a row of weights in each lane: AVX2.

#include <immintrin.h>

#include "core/types.h"

namespace mixtape {
namespace {

/** Shared by Avx2Quads and Avx2Pairs. */
struct Avx2Dots {
  using Ints = __m256i;
  static __m256 to_floats(Ints x) { return _mm256_cvtepi32_ps(x); }
  static Ints splat(const uint32_t* p) { return _mm256_set1_epi32(static_cast<int>(*p)); }
  /** Keeps compilers from computing all products of a block first, and their sums afterwards: there are not so many registers. */
  static void keep(Ints& x) { asm("" : "+x"(x)); }
  static Ints load(const uint32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
};

/** Codes with a range of at most 63, four in a lane: sums of 16 bits hold `Together` products before they are widened. */
template <int Together> struct Avx2Quads : Avx2Dots {
  static constexpr bool kHasSign = false;
  /** Words of 32 bits that hold 32 codes. */
  static constexpr int kWords = 8;
  /** From so many tokens on, copying codes pays. */
  static constexpr size_t kMinTokens = 4;

  static void spread(__m256i codes, uint32_t* to) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), codes); }

  /** Sums of `Words` words of V · 8 rows by those of T tokens. */
  template <int V, int T, int Words> static void sum(const uint32_t* w, const uint32_t* x, Ints (&sums)[V][T]) {
    for (int first = 0; first < Words; first += Together) {
      Ints narrow[V][T];
      for (int i = 0; i < Together && first + i < Words; i++, w += V * 8, x += T)
        for (int t = 0; t < T; t++) {
          const Ints token = splat(x + t);
          for (int v = 0; v < V; v++) {
            const Ints products = _mm256_maddubs_epi16(load(w + v * 8), token);
            narrow[v][t] = i == 0 ? products : _mm256_add_epi16(narrow[v][t], products);
            keep(narrow[v][t]);
          }
        }
      for (int v = 0; v < V; v++)
        for (int t = 0; t < T; t++) {
          const Ints wide = _mm256_madd_epi16(narrow[v][t], _mm256_set1_epi16(1));
          sums[v][t] = first == 0 ? wide : _mm256_add_epi32(sums[v][t], wide);
        }
    }
  }
};

/** Codes with a sign, of 8 bits, two in a lane. */
struct Avx2Pairs : Avx2Dots {
  static constexpr bool kHasSign = true;
  static constexpr int kWords = 16;
  static constexpr size_t kMinTokens = 16;

  static void spread(__m256i codes, uint32_t* to) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_cvtepi8_epi16(_mm256_castsi256_si128(codes)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 8), _mm256_cvtepi8_epi16(_mm256_extracti128_si256(codes, 1)));
  }

  template <int V, int T, int Words> static void sum(const uint32_t* w, const uint32_t* x, Ints (&sums)[V][T]) {
    for (int i = 0; i < Words; i++, w += V * 8, x += T)
      for (int t = 0; t < T; t++) {
        const Ints token = splat(x + t);
        for (int v = 0; v < V; v++) {
          const Ints products = _mm256_madd_epi16(load(w + v * 8), token);
          sums[v][t] = i == 0 ? products : _mm256_add_epi32(sums[v][t], products);
          keep(sums[v][t]);
        }
      }
  }
};

/** Those for codes of some range: so many products of two as fit 16 bits are summed before they are widened. */
constexpr int avx2_together(int range) { return 8 * 2 * 127 * range <= 32767 ? 8 : 4 * 2 * 127 * range <= 32767 ? 4 : 2; }

template <int Range, bool Small = (Range < 64)> struct Avx2DotsFor {
  using Dots = Avx2Quads<avx2_together(Range)>;
};
template <int Range> struct Avx2DotsFor<Range, false> {
  using Dots = Avx2Pairs;
};
template <int Range> using Avx2DotsOf = typename Avx2DotsFor<Range>::Dots;

}  // namespace
}  // namespace mixtape
