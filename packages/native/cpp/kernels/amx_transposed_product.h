#pragma once
// The product with transposed bfloat16 weights, on AMX tiles.

#include "kernels/amx_tiles.h"
#include "kernels/transposed_product.h"

namespace mixtape {
namespace {

/**
 * Blocks of 32 tokens by a panel of 32 columns: two tiles each, and four of sums. Tiles are multiplied by a unit of their own, while
 * the others would wait: meanwhile they fill the next panels, and write the sums before.
 */
class TransposedTiles : AmxTiles {
 public:
  static constexpr size_t kTokens = AmxTiles::kTokens;

  TransposedTiles() { configure(); }
  ~TransposedTiles() { _tile_release(); }
  TransposedTiles(const TransposedTiles&) = delete;
  TransposedTiles& operator=(const TransposedTiles&) = delete;

  template <class Filling>
  void multiply(const uint8_t* x, size_t row, size_t tokens, const uint16_t* panel, size_t steps, size_t count, bool add, float* y,
                size_t stride, Filling& filling, size_t each) {
    float* const sums = sums_[block_++ % 2];
    if (tokens <= kSide) {
      sum<1>(x, row, panel, steps, filling, each, sums);
    } else {
      sum<2>(x, row, panel, steps, filling, each, sums);
    }
    finish();
    pending_ = {sums, y, stride, tokens, count, add, 0};
  }

  /** Writes what is not written yet. */
  void finish() {
    while (pending_.done < pending_.tokens) pending_.some();
  }

 private:
  static constexpr size_t kColumns = 32;

  /** Sums `[tokens, 32]` on their way to y, some rows at a time. */
  struct Pending {
    const float* sums = nullptr;
    float* y = nullptr;
    size_t stride = 0;
    size_t tokens = 0;
    size_t count = 0;
    bool add = false;
    size_t done = 0;

    void some() {
      for (size_t i = 0; i < 2 && done < tokens; i++, done++)
        for (size_t half = 0; half < kColumns && half < count; half += kSide) {
          const __mmask16 mask = count - half >= kSide ? 0xffff : static_cast<__mmask16>((1u << (count - half)) - 1);
          float* const out = y + done * stride + half;
          const __m512 line = _mm512_load_ps(sums + done * kColumns + half);
          _mm512_mask_storeu_ps(out, mask, add ? _mm512_add_ps(line, _mm512_maskz_loadu_ps(mask, out)) : line);
        }
    }
  };

  template <int Groups, class Filling>
  void sum(const uint8_t* x, size_t row, const uint16_t* panel, size_t steps, Filling& filling, size_t each, float* sums) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (size_t step = 0; step < steps; step++) {
      const uint16_t* const right = panel + step * kSide * 64;
      _tile_loadd(4, x + step * 64, row);
      _tile_loadd(6, right, 128);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(7, right + kColumns, 128);
      _tile_dpbf16ps(1, 4, 7);
      if constexpr (Groups == 2) {
        _tile_loadd(5, x + kSide * row + step * 64, row);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
      pending_.some();
      filling.some(each);
    }
    _tile_stored(0, sums, 128);
    _tile_stored(1, sums + kSide, 128);
    if constexpr (Groups == 2) {
      _tile_stored(2, sums + kSide * kColumns, 128);
      _tile_stored(3, sums + kSide * kColumns + kSide, 128);
    }
  }

  alignas(64) float sums_[2][kTokens * kColumns];
  size_t block_ = 0;
  Pending pending_;
};

struct AmxTransposed : TransposedPairs<Avx512, TransposedTiles> {
  static constexpr TransposedProduct product = {kGroup, packed_bytes, pack, kScratch, multiply};
};

}  // namespace
}  // namespace mixtape
