#pragma once
// The product of bfloat16 weights and many tokens on AMX tiles.

#include "core/types.h"
#include "kernels/amx_tiles.h"

namespace mixtape {
namespace {

class AmxPanels : AmxTiles {
 public:
  /**
   * Tiles are multiplied by a unit of their own, while the others would wait: meanwhile they copy the next panel of weights
   * into tiles one behind the other, and transpose and write the sums of the block before. Weights come from memory once for all
   * tokens, and are loaded from the core's own cache for each; in place, rows are a power of two apart and would push
   * each other out.
   */
  static void multiply(const Matrix& w, const uint8_t* packed, size_t tokens, float* y, size_t stride) {
    configure();
    const size_t steps = steps_of(w.columns);
    const size_t group_bytes = steps * kTile;
    alignas(64) uint8_t panels[2][kSteps * 2 * kTile];
    alignas(64) float sums[2][kTokens * kRows];
    const size_t lines = lines_of((tokens + kTokens - 1) / kTokens);
    Writing writing;
    Place place{0, 0};
    Copying copying(w, place, panels[0]);
    for (size_t iteration = 0, block = 0; place.step == 0 || place.step < steps; iteration++) {
      copying.finish();
      const uint8_t* const panel = panels[iteration % 2];
      const Place next = after(w, place);
      copying = Copying(w, next, panels[(iteration + 1) % 2]);
      const size_t now = steps - place.step < kSteps ? steps - place.step : kSteps;
      const size_t rows = w.rows - place.row < kRows ? w.rows - place.row : kRows;
      for (size_t t = 0; t < tokens; t += kTokens, block++) {
        const size_t count = tokens - t < kTokens ? tokens - t : kTokens;
        const uint8_t* const x = packed + t / kSide * group_bytes + place.step * kTile;
        float* const sum = sums[block % 2];
        if (count <= kSide) {
          add<1>(panel, x, group_bytes, now, copying, lines, writing, sum);
        } else {
          add<2>(panel, x, group_bytes, now, copying, lines, writing, sum);
        }
        writing = {sum, rows, count, place.step > 0, y + t * stride + place.row, stride, 0};
      }
      place = next;
    }
    writing.finish();
    _tile_release();
  }

 private:
  /** Begin of a panel: rows, and steps of their width. */
  struct Place {
    size_t row;
    size_t step;
  };
  static Place after(const Matrix& w, const Place& place) {
    return place.row + kRows < w.rows ? Place{place.row + kRows, place.step} : Place{0, place.step + kSteps};
  }

  /** Number of lines of the next panel to copy at each step, for that many blocks of tokens per panel. */
  static size_t lines_of(size_t blocks) {
    size_t lines = kRows;
    while (lines > 1 && blocks > 1) lines /= 2, blocks /= 2;
    return lines;
  }

  /** The copying of a panel into tiles, a few lines at a time; zeros where the matrix ends. */
  class Copying {
   public:
    Copying(const Matrix& w, const Place& place, uint8_t* panel) : stride_(w.row_bytes()), to_(panel) {
      const size_t all = steps_of(w.columns);
      if (place.step > 0 && place.step >= all) return;
      steps_ = all - place.step < kSteps ? all - place.step : kSteps;
      rows_ = w.rows - place.row < kRows ? w.rows - place.row : kRows;
      from_ = w.row(place.row) + place.step * 64;
      // Behind the last panel is, most often, the thread's next share.
      const Place next = after(w, place);
      after_ = next.step == 0 || next.step < all ? w.row(next.row) + next.step * 64 : w.row(w.rows);
      width_ = w.columns - place.step * kWidth;
      is_whole_ = rows_ == kRows && width_ >= steps_ * kWidth;
    }

    /** So many lines, in pieces as they become due. */
    void some(size_t lines) {
      if (!is_whole_) return;
      for (due_ += lines; due_ >= kPiece && step_ < steps_; due_ -= kPiece) piece();
    }

    void finish() {
      if (is_whole_)
        while (step_ < steps_) piece();
      else
        for (; step_ < steps_; step_++) ragged();
    }

   private:
    /** Steps that are fetched ahead. */
    static constexpr size_t kAhead = 16;

    /** Lines of a row that are copied one after another. */
    static constexpr size_t kPiece = 8;

    void piece() {
      const size_t count = steps_ - step_ < kPiece ? steps_ - step_ : kPiece;
      const size_t then = step_ + kAhead;
      const uint8_t* const ahead = (then < steps_ ? from_ + then * 64 : after_ + (then - steps_) * 64) + row_ * stride_;
      for (size_t i = 0; i < count; i++) _mm_prefetch(reinterpret_cast<const char*>(ahead + i * 64), _MM_HINT_T1);
      const uint8_t* const from = from_ + row_ * stride_ + step_ * 64;
      uint8_t* const to = to_ + step_ * 2 * kTile + row_ * 64;
      const size_t shift = reinterpret_cast<uintptr_t>(from) % 64;
      if (count == kPiece && shift > 0 && shift % 2 == 0) {
        shifted(from - shift, shift, to);
      } else {
        for (size_t i = 0; i < count; i++) _mm512_store_si512(to + i * 2 * kTile, _mm512_loadu_si512(from + i * 64));
      }
      row_++;
      if (row_ == kRows) row_ = 0, step_ += count;
    }

    /**
     * Files put weights anywhere. A line of a cache is read once and in whole here; loads that cross two of them read each
     * twice, and a third of the time goes for that.
     */
    static void shifted(const uint8_t* lines, size_t shift, uint8_t* to) {
      const __m512i order = _mm512_add_epi16(_mm512_set1_epi16(static_cast<int16_t>(shift / 2)), ascending());
      // Of the first and the last line only what is asked for: memory beside it may be nobody's.
      const __mmask32 before = (__mmask32{1} << shift / 2) - 1;
      __m512i line = _mm512_maskz_loadu_epi16(~before, lines);
      for (size_t i = 0; i < kPiece; i++) {
        const uint8_t* const then = lines + (i + 1) * 64;
        const __m512i next = i + 1 < kPiece ? _mm512_load_si512(then) : _mm512_maskz_loadu_epi16(before, then);
        _mm512_store_si512(to + i * 2 * kTile, _mm512_permutex2var_epi16(line, order, next));
        line = next;
      }
    }

    static __m512i ascending() {
      return _mm512_set_epi16(31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6,
                              5, 4, 3, 2, 1, 0);
    }

    void ragged() {
      const size_t left = width_ - step_ * kWidth;
      const __mmask32 mask = left >= kWidth ? 0xffffffffu : (1u << left) - 1;
      for (size_t r = 0; r < kRows; r++) {
        const uint8_t* const from = from_ + r * stride_ + step_ * 64;
        const __m512i line = r < rows_ ? _mm512_maskz_loadu_epi16(mask, from) : _mm512_setzero_si512();
        _mm512_store_si512(to_ + step_ * 2 * kTile + r * 64, line);
      }
    }

    size_t stride_;
    uint8_t* to_;
    const uint8_t* from_ = nullptr;
    const uint8_t* after_ = nullptr;
    size_t rows_ = 0;
    size_t width_ = 0;
    size_t steps_ = 0;
    bool is_whole_ = false;
    size_t step_ = 0;
    size_t row_ = 0;
    size_t due_ = 0;
  };

  /** The sums of so many steps; on the way, some of what else there is to do. */
  template <int Groups>
  static void add(const uint8_t* panel, const uint8_t* x, size_t group_bytes, size_t steps, Copying& copying, size_t lines,
                  Writing& writing, float* sums) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (size_t step = 0; step < steps; step++) {
      _tile_loadd(4, panel, 64);
      _tile_loadd(6, x, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(5, panel + kTile, 64);
      _tile_dpbf16ps(1, 5, 6);
      if constexpr (Groups == 2) {
        _tile_loadd(7, x + group_bytes, 64);
        _tile_dpbf16ps(2, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
      }
      copying.some(lines);
      if (step % 4 == 3 && writing.quarter < Writing::kQuarters) writing.some();
      panel += 2 * kTile;
      x += kTile;
    }
    writing.finish();
    _tile_stored(0, sums, 64);
    _tile_stored(1, sums + 256, 64);
    if constexpr (Groups == 2) {
      _tile_stored(2, sums + 512, 64);
      _tile_stored(3, sums + 768, 64);
    }
  }
};

}  // namespace
}  // namespace mixtape
