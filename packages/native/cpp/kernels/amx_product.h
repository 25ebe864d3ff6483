#pragma once
// The product of bfloat16 weights and bfloat16 activations on AMX tiles. The weights are the left operand, 16 rows of 32
// numbers as they lie in the matrix; activations are packed once into pairs, 16 tokens wide. What comes out is rows times
// tokens, turned around as it is written.

#include <immintrin.h>
#include <string.h>

#include "kernels/table.h"
#include "simd/avx512.h"

namespace mixtape {
namespace {

struct AmxProduct {
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
  static void pack(const float* x, const int32_t* rows, size_t from, size_t to, size_t tokens, size_t width, uint8_t* packed) {
    const size_t steps = steps_of(width);
    for (size_t first = from; first < to; first += kSide) {
      uint8_t* const group = packed + first / kSide * steps * kTile;
      const size_t count = tokens - first < kSide ? tokens - first : kSide;
      const float* token[kSide];
      for (size_t i = 0; i < count; i++) token[i] = x + (rows ? static_cast<size_t>(rows[first + i]) : first + i) * width;
      for (size_t step = 0; step < steps; step++) {
        const size_t k = step * kWidth;
        const size_t left = width - k;
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

  static void multiply(const Matrix& w, const uint8_t* packed, size_t tokens, float* y, size_t stride) {
    configure();
    const size_t steps = steps_of(w.columns);
    const size_t group_bytes = steps * kTile;
    for (size_t step = 0; step == 0 || step < steps; step += kSteps) {
      const size_t now = steps - step < kSteps ? steps - step : kSteps;
      for (size_t n = 0; n < w.rows; n += kRows) {
        const size_t rows = w.rows - n < kRows ? w.rows - n : kRows;
        for (size_t t = 0; t < tokens; t += kTokens) {
          const size_t count = tokens - t < kTokens ? tokens - t : kTokens;
          const uint8_t* const x = packed + t / kSide * group_bytes + step * kTile;
          alignas(64) float sums[kTokens * kRows];
          if (count <= kSide) {
            sum<1>(w, n, rows, step, now, x, group_bytes, sums);
          } else {
            sum<2>(w, n, rows, step, now, x, group_bytes, sums);
          }
          write(sums, rows, count, step > 0, y + t * stride + n, stride);
        }
      }
    }
    _tile_release();
  }

 private:
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

  /** Where the two tiles of weights lie for the first step, bytes between their rows, and bytes to the next step. */
  struct Left {
    const uint8_t* top;
    const uint8_t* bottom;
    size_t stride;
    size_t step;
  };

  /** The sums of `steps` steps. Weights are read where they lie, but for the edges of a matrix: they are copied into whole tiles. */
  template <int Groups>
  static void sum(const Matrix& w, size_t n, size_t rows, size_t step, size_t steps, const uint8_t* x, size_t group_bytes,
                  float* sums) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    const size_t whole = rows < kRows ? 0 : w.columns / kWidth - step < steps ? w.columns / kWidth - step : steps;
    const uint8_t* const top = w.row(n) + step * 64;
    add<Groups>({top, top + kSide * w.row_bytes(), w.row_bytes(), 64}, x, group_bytes, whole);
    for (size_t done = whole; done < steps; done++) {
      alignas(64) uint8_t tiles[2 * kTile];
      copy(w, n, rows, step + done, tiles);
      add<Groups>({tiles, tiles + kTile, 64, 0}, x + done * kTile, group_bytes, 1);
    }
    _tile_stored(0, sums, 64);
    _tile_stored(1, sums + 256, 64);
    if constexpr (Groups == 2) {
      _tile_stored(2, sums + 512, 64);
      _tile_stored(3, sums + 768, 64);
    }
  }

  template <int Groups>
  static void add(const Left& left, const uint8_t* x, size_t group_bytes, size_t steps) {
    const uint8_t* top = left.top;
    const uint8_t* bottom = left.bottom;
    for (size_t step = 0; step < steps; step++) {
      _tile_loadd(4, top, left.stride);
      _tile_loadd(6, x, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(5, bottom, left.stride);
      _tile_dpbf16ps(1, 5, 6);
      if constexpr (Groups == 2) {
        _tile_loadd(7, x + group_bytes, 64);
        _tile_dpbf16ps(2, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
      }
      top += left.step;
      bottom += left.step;
      x += kTile;
    }
  }

  /** Copies one step of rows of weights into two tiles, zeros where the matrix ends. */
  static void copy(const Matrix& w, size_t n, size_t rows, size_t step, uint8_t* tiles) {
    const size_t k = step * kWidth;
    const size_t left = w.columns - k;
    const __mmask32 mask = left >= kWidth ? 0xffffffffu : (1u << left) - 1;
    for (size_t r = 0; r < kRows; r++) {
      const __m512i line = r < rows ? _mm512_maskz_loadu_epi16(mask, reinterpret_cast<const uint16_t*>(w.row(n + r)) + k)
                                    : _mm512_setzero_si512();
      _mm512_store_si512(tiles + r * 64, line);
    }
  }

  /** Writes sums[t / 16][n / 16][n % 16][t % 16] to y[t · stride + n], or adds them where others were written before. */
  static void write(const float* sums, size_t rows, size_t tokens, bool add, float* y, size_t stride) {
    for (size_t t = 0; t < tokens; t += kSide) {
      for (size_t n = 0; n < rows; n += kSide) {
        const float* const sum = sums + (t / kSide * 2 + n / kSide) * 256;
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
    }
  }

 public:
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

  static constexpr Product product = {kSide, packed_bytes, pack, multiply};
};

}  // namespace
}  // namespace mixtape
