#pragma once
// Sums of products of codes for panels, a row of weights in each lane: AVX-512 VNNI.

#include <immintrin.h>

#include "core/types.h"

namespace mixtape {
namespace {

/** Codes of up to 8 bits, four in a lane, made positive. */
struct VnniQuads {
  using Ints = __m512i;
  static constexpr bool kHasSign = false;
  static constexpr int kWords = 8;
  static constexpr size_t kMinTokens = 4;

  static __m512 to_floats(Ints x) { return _mm512_cvtepi32_ps(x); }
  static void spread(__m256i codes, uint32_t* to) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), codes); }

  template <int V, int T, int Words> static void sum(const uint32_t* w, const uint32_t* x, Ints (&sums)[V][T]) {
    for (auto& row : sums)
      for (Ints& sum : row) sum = _mm512_setzero_si512();
    for (int i = 0; i < Words; i++, w += V * 16, x += T)
      for (int t = 0; t < T; t++) {
        const Ints token = _mm512_set1_epi32(static_cast<int>(x[t]));
        for (int v = 0; v < V; v++) sums[v][t] = _mm512_dpbusd_epi32(sums[v][t], _mm512_loadu_si512(w + v * 16), token);
      }
  }
};

}  // namespace
}  // namespace mixtape
