#pragma once
// The product of bfloat16 weights and bfloat16 activations on AMX tiles.

#include <immintrin.h>

#include "kernels/amx_panels.h"
#include "kernels/amx_tiles.h"
#include "kernels/table.h"

namespace mixtape {
namespace {

/** Of no more tokens than tiles hold at once. */
class AmxFew : AmxTiles {
 public:
  /** Each weight is used once: it is loaded in place. */
  static void multiply(const Matrix& w, const uint8_t* packed, size_t tokens, float* y, size_t stride) {
    configure();
    const size_t steps = steps_of(w.columns);
    const size_t group_bytes = steps * kTile;
    for (size_t step = 0; step == 0 || step < steps; step += kSteps) {
      const size_t now = steps - step < kSteps ? steps - step : kSteps;
      for (size_t n = 0; n < w.rows; n += kRows) {
        const size_t rows = w.rows - n < kRows ? w.rows - n : kRows;
        alignas(64) float sums[kTokens * kRows];
        const uint8_t* const x = packed + step * kTile;
        if (tokens <= kSide) {
          sum<1>(w, n, rows, step, now, x, group_bytes, sums);
        } else {
          sum<2>(w, n, rows, step, now, x, group_bytes, sums);
        }
        Writing{sums, rows, tokens, step > 0, y + n, stride, 0}.finish();
      }
    }
    _tile_release();
  }

 private:
  /** Addresses of the two tiles of weights in the first step, bytes between their rows, and bytes to the next step. */
  struct Left {
    const uint8_t* top;
    const uint8_t* bottom;
    size_t stride;
    size_t step;
  };

  /** The sums of `steps` steps. Weights are read in place, but at the edges of a matrix copied into whole tiles. */
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
};

struct AmxProduct : AmxTiles {
  static void multiply(const Matrix& w, const uint8_t* packed, size_t tokens, float* y, size_t stride) {
    tokens > kTokens ? AmxPanels::multiply(w, packed, tokens, y, stride) : AmxFew::multiply(w, packed, tokens, y, stride);
  }

  static constexpr Product product = {kSide, packed_bytes, pack, multiply};
};

}  // namespace
}  // namespace mixtape
