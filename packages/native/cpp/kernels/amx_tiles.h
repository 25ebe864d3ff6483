#pragma once
// AMX tiles: what the products on them share. The weights are the left operand, 16 rows of 32 numbers; activations are packed
// once into pairs, 16 tokens wide. What comes out is rows times tokens, transposed as it is written.

#include <immintrin.h>

#include "kernels/table.h"
#include "simd/avx512.h"

namespace mixtape {
namespace {

struct AmxTiles {
  /** Numbers along the width in one tile, rows or tokens in one tile, and its bytes. */
  static constexpr size_t kWidth = 32;
  static constexpr size_t kSide = 16;
  static constexpr size_t kTile = 1024;
  /** Two tiles of rows meet two of tokens: four sums, as many as the eight tile registers allow. */
  static constexpr size_t kRows = 2 * kSide;
  static constexpr size_t kTokens = 2 * kSide;
  /** Steps along the width that are worked on together: the activations of some hundred tokens stay in the second-level cache. */
  static constexpr size_t kSteps = 64;


  static size_t steps_of(size_t width) { return (width + kWidth - 1) / kWidth; }
  static size_t groups_of(size_t tokens) { return (tokens + kSide - 1) / kSide; }

  static size_t packed_bytes(size_t tokens, size_t width) { return groups_of(tokens) * steps_of(width) * kTile; }

  /** Tile [group][step] of 16 pairs times 16 tokens; zeros where there are no tokens and no width. */
  static void pack(const Activations& x, size_t from, size_t to, size_t tokens, size_t width, uint8_t* packed) {
    const size_t steps = steps_of(width);
    const size_t begin = x.first / kWidth;
    const size_t end = steps_of(x.first + x.count);
    for (size_t first = from; first < to; first += kSide) {
      uint8_t* const group = packed + first / kSide * steps * kTile;
      const size_t count = tokens - first < kSide ? tokens - first : kSide;
      const float* token[kSide];
      for (size_t i = 0; i < count; i++) token[i] = x.token(first + i);
      for (size_t step = begin; step < end; step++) {
        const size_t k = step * kWidth - x.first;
        const size_t left = x.count - k;
        const __mmask16 low = left >= 16 ? 0xffff : static_cast<__mmask16>((1u << left) - 1);
        const __mmask16 high = left >= 32 ? 0xffff : left > 16 ? static_cast<__mmask16>((1u << (left - 16)) - 1) : 0;
        __m512 pairs[kSide];
        for (size_t i = 0; i < kSide; i++) {
          if (i >= count) {
            pairs[i] = _mm512_setzero_ps();
            continue;
          }
          const __m512 a = _mm512_maskz_loadu_ps(low, token[i] + k);
          const __m512 b = _mm512_maskz_loadu_ps(high, token[i] + k + 16);
          pairs[i] = reinterpret_cast<__m512>(_mm512_cvtne2ps_pbh(b, a));
        }
        Avx512::transpose(pairs);
        for (size_t i = 0; i < kSide; i++) _mm512_storeu_ps(group + step * kTile + i * 64, pairs[i]);
      }
    }
  }

  struct alignas(64) Config {
    uint8_t palette = 1;
    uint8_t start = 0;
    uint8_t reserved[14] = {};
    uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  };
  static void configure() {
    static constexpr Config config;
    _tile_loadconfig(&config);
  }

  /** Writes sums[t / 16][n / 16][n % 16][t % 16] to y[t · stride + n], or adds them, a quarter at a time. */
  struct Writing {
    static constexpr size_t kQuarters = 4;
    const float* sums = nullptr;
    size_t rows = 0;
    size_t tokens = 0;
    bool add = false;
    float* y = nullptr;
    size_t stride = 0;
    size_t quarter = kQuarters;

    void some() {
      const size_t t = quarter / 2 * kSide;
      const size_t n = quarter % 2 * kSide;
      const float* const sum = sums + quarter * 256;
      quarter++;
      if (n >= rows || t >= tokens) return;
      __m512 lines[kSide];
      for (size_t i = 0; i < kSide; i++) lines[i] = _mm512_load_ps(sum + i * kSide);
      Avx512::transpose(lines);
      const __mmask16 mask = rows - n >= kSide ? 0xffff : static_cast<__mmask16>((1u << (rows - n)) - 1);
      const size_t count = tokens - t < kSide ? tokens - t : kSide;
      for (size_t i = 0; i < count; i++) {
        float* const out = y + (t + i) * stride + n;
        const __m512 line = add ? _mm512_add_ps(lines[i], _mm512_maskz_loadu_ps(mask, out)) : lines[i];
        _mm512_mask_storeu_ps(out, mask, line);
      }
    }
    void finish() {
      while (quarter < kQuarters) some();
    }
  };

  /** Rounds of products of tiles that stay in registers. */
  static double rounds(size_t rounds, float* sink) {
    configure();
    alignas(64) float tile[kSide * kSide] = {sink[0]};
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, tile, 64);
    _tile_loadd(5, tile, 64);
    _tile_loadd(6, tile, 64);
    _tile_loadd(7, tile, 64);
    for (size_t round = 0; round < rounds; round++) {
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 5, 6);
      _tile_dpbf16ps(2, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(3, tile, 64);
    sink[0] = tile[0];
    _tile_release();
    return 4.0 * 2 * kSide * kSide * kWidth * static_cast<double>(rounds);
  }
};

}  // namespace
}  // namespace mixtape
