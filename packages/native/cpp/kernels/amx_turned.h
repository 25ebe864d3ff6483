#pragma once
// The product with bfloat16 weights that lie the other way, on AMX tiles.

#include "kernels/amx_tiles.h"
#include "kernels/turned_product.h"

namespace mixtape {
namespace {

/** Blocks of 32 tokens by a panel of 32 columns: two tiles each, and four of sums. */
class TurnedTiles : AmxTiles {
 public:
  struct Session {
    Session() { configure(); }
    ~Session() { _tile_release(); }
  };

  template <class Ahead>
  static void multiply(const uint8_t* x, size_t row, size_t tokens, const uint16_t* panel, size_t steps, size_t count, bool add,
                       float* y, size_t stride, const Ahead& ahead) {
    const size_t blocks = (tokens + kTokens - 1) / kTokens;
    const size_t each = blocks * steps > 0 ? (ahead.count + blocks * steps - 1) / (blocks * steps) : 0;
    size_t fetched = 0;
    for (size_t t = 0; t < tokens; t += kTokens, x += kTokens * row) {
      alignas(64) float sums[kTokens * 32];
      if (tokens - t <= kSide) {
        sum<1>(x, row, panel, steps, each, fetched, ahead, sums);
      } else {
        sum<2>(x, row, panel, steps, each, fetched, ahead, sums);
      }
      const size_t some = tokens - t < kTokens ? tokens - t : kTokens;
      for (size_t half = 0; half < 32 && half < count; half += kSide) {
        const __mmask16 mask = count - half >= kSide ? 0xffff : static_cast<__mmask16>((1u << (count - half)) - 1);
        for (size_t r = 0; r < some; r++) {
          float* const out = y + (t + r) * stride + half;
          const __m512 line = _mm512_load_ps(sums + r * 32 + half);
          _mm512_mask_storeu_ps(out, mask, add ? _mm512_add_ps(line, _mm512_maskz_loadu_ps(mask, out)) : line);
        }
      }
    }
  }

 private:
  template <int Groups, class Ahead>
  static void sum(const uint8_t* x, size_t row, const uint16_t* panel, size_t steps, size_t each, size_t& fetched,
                  const Ahead& ahead, float* sums) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (size_t step = 0; step < steps; step++) {
      const uint16_t* const right = panel + step * kSide * 64;
      _tile_loadd(4, x + step * 64, row);
      _tile_loadd(6, right, 128);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(7, right + 32, 128);
      _tile_dpbf16ps(1, 4, 7);
      if constexpr (Groups == 2) {
        _tile_loadd(5, x + kSide * row + step * 64, row);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
      for (size_t i = 0; i < each && fetched < ahead.count; i++, fetched++)
        _mm_prefetch(reinterpret_cast<const char*>(ahead.data + fetched * ahead.stride), _MM_HINT_T1);
    }
    _tile_stored(0, sums, 128);
    _tile_stored(1, sums + kSide, 128);
    if constexpr (Groups == 2) {
      _tile_stored(2, sums + kSide * 32, 128);
      _tile_stored(3, sums + kSide * 32 + kSide, 128);
    }
  }
};

struct AmxTurned : TurnedPairs<Avx512, TurnedTiles> {
  static constexpr TurnedProduct product = {kGroup, packed_bytes, pack, multiply};
};

}  // namespace
}  // namespace mixtape
