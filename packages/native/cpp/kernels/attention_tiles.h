#pragma once
// What AttendMany multiplies on AMX: bfloat16 in tiles of 16 rows of 64 bytes. Keys are a left side as they are stored;
// values are transposed, so that positions follow one another. Queries and weights are a right side of pairs, 16 queries wide.

#include <immintrin.h>
#include <string.h>

#include "kernels/attention_many.h"

namespace mixtape {
namespace {

/** C tiles of queries. */
template <class S, int C> struct TileUnits {
  static_assert(S::N == 16 && C <= 2, "a tile is 16 queries wide, and there are eight");
  using Unit = uint32_t;
  using F = typename S::F;
  using Pairs = PairUnits<S, C>;
  static constexpr size_t kNumbers = 2;
  static constexpr int kVectors = C;
  static constexpr size_t kTile = 256;
  static constexpr size_t kAlign = 32;
  static constexpr bool kFine = false;
  static constexpr size_t kPanel = C * 16;
  static constexpr size_t kWeightsUnits = kTile / 2 * kPanel;

  struct Session {
    Session() {
      struct alignas(64) Config {
        uint8_t palette = 1;
        uint8_t rest[15] = {};
        uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
        uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
      };
      static constexpr Config config;
      _tile_loadconfig(&config);
    }
    ~Session() { _tile_release(); }
  };

  /** Pairs along the width, whole tiles of 16. */
  static size_t units(size_t width) { return (width + 31) / 32 * 16; }
  static size_t sums(size_t width) { return (width + 15) / 16 * 16; }
  static size_t keys_units(size_t width) { return kTile * units(width); }
  /** `[width, kTile / 2]`, and some as they are stored. */
  static size_t values_units(size_t width) { return sums(width) * (kTile + kAlign) / 2; }

  static void put_queries(Unit* queries, const F* rows) { Pairs::put_queries(queries, rows); }
  static void put_weights(Unit* weights, size_t key, size_t n, const F* weight) { Pairs::put_weights(weights, key, n, weight); }
  static void end_weights(Unit* weights, size_t to) {
    const size_t pairs = (to + 1) / 2;
    memset(weights + pairs * kPanel, 0, (rounded(to) / 2 - pairs) * kPanel * sizeof *weights);
  }

  static const Unit* pack(const KeyValues& kv, size_t lane, size_t position, size_t count, Unit* keys, Unit* values) {
    pack_values(kv, lane, position, count, values);
    const size_t width = kv.width;
    const size_t wide = 2 * units(width);
    const Run all = run_of(kv, lane, position, count);
    // In place, if there is room for whole tiles: the rest is multiplied and ignored.
    const size_t in_block = (kv.first + position) % kv.block;
    if (wide == width && all.count == count && in_block + rounded(count) <= kv.block)
      return reinterpret_cast<const Unit*>(all.keys);
    for (size_t done = 0; done < count;) {
      const Run run = run_of(kv, lane, position + done, count - done);
      copy(run.keys, run.count, width, width, reinterpret_cast<uint16_t*>(keys) + done * wide, wide);
      done += run.count;
    }
    return keys;
  }

  static void scores(const Unit* keys, const Unit* queries, size_t from, size_t to, size_t width, float* scores) {
    const size_t wide = units(width);
    product(keys + from * wide, (to - from + 15) / 16, wide, queries, wide / 16, nullptr, scores + from * kPanel);
  }

  static void accumulate(const Unit* values, const float*, const Unit* weights, size_t from, size_t to, size_t width, const F* rescale,
                  float* sums_of) {
    const size_t steps = (to - from + 31) / 32;
    product(values + from / 2, sums(width) / 16, kTile / 2, weights + from / 2 * kPanel, steps, rescale, sums_of);
  }

 private:
  static size_t rounded(size_t count) { return (count + kAlign - 1) / kAlign * kAlign; }

  /** Transposes 32 positions by 32, in place or, if they are not whole contiguous vectors, from a copy. */
  static void pack_values(const KeyValues& kv, size_t lane, size_t position, size_t count, Unit* values) {
    const size_t width = kv.value_width;
    const size_t high = sums(width);
    const bool is_whole = high == width && kv.value_stride == width;
    auto* const copied = reinterpret_cast<uint16_t*>(values + high * kTile / 2);
    for (size_t from = 0; from < count; from += kAlign) {
      const size_t wanted = count - from < kAlign ? count - from : kAlign;
      Run run = run_of(kv, lane, position + from, wanted);
      const auto* rows = reinterpret_cast<const uint16_t*>(run.values);
      if (run.count < kAlign || !is_whole) {
        rows = copied;
        for (size_t done = 0; done < wanted; done += run.count) {
          run = run_of(kv, lane, position + from + done, wanted - done);
          copy(run.values, run.count, width, kv.value_stride, copied + done * high, high);
        }
        memset(copied + wanted * high, 0, (kAlign - wanted) * high * sizeof *copied);
      }
      for (size_t i = 0; i < high; i += 16) transpose_pairs(rows + i, high, values + i * kTile / 2 + from / 2);
    }
  }

  /** Rows of `width` numbers, `stride` apart, each with zeros behind it up to `wide`. */
  static void copy(const uint8_t* rows, size_t count, size_t width, size_t stride, uint16_t* out, size_t wide) {
    if (wide == width && stride == width) {
      memcpy(out, rows, count * width * sizeof *out);
      return;
    }
    for (size_t row = 0; row < count; row++) {
      memcpy(out + row * wide, rows + row * stride * sizeof *out, width * sizeof *out);
      memset(out + row * wide + width, 0, (wide - width) * sizeof *out);
    }
  }

  /** 32 positions of 16 values each, as 16 rows of 16 pairs of positions. */
  static void transpose_pairs(const uint16_t* values, size_t stride, Unit* out) {
    __m512 pairs[16];
    for (size_t i = 0; i < 16; i++) {
      const auto* const even = reinterpret_cast<const __m256i*>(values + 2 * i * stride);
      const auto* const odd = reinterpret_cast<const __m256i*>(values + (2 * i + 1) * stride);
      const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256(even));
      const __m512i high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(odd)), 16);
      pairs[i] = _mm512_castsi512_ps(_mm512_or_si512(low, high));
    }
    S::transpose(pairs);
    for (size_t i = 0; i < 16; i++) _mm512_storeu_ps(out + i * kTile / 2, pairs[i]);
  }

  /**
   * `out[r] += Σ_s a[r, s] · b[s]` in tiles: `a` has `rows` tiles, its rows `stride` units apart, `b` is a panel wide; `out` is
   * multiplied by `rescale` first, by 0 where that is null.
   */
  static void product(const Unit* a, size_t rows, size_t stride, const Unit* b, size_t steps, const F* rescale, float* out) {
    size_t r = 0;
    for (; r + 2 <= rows; r += 2) block<2>(a + r * 16 * stride, stride, b, steps, rescale, out + r * 16 * kPanel);
    if (r < rows) block<1>(a + r * 16 * stride, stride, b, steps, rescale, out + r * 16 * kPanel);
  }

  template <int R> static void block(const Unit* a, size_t stride, const Unit* b, size_t steps, const F* rescale, float* out) {
    if (rescale) apply_rescale(out, R * 16, rescale);
    start<R>(rescale ? out : nullptr);
    for (size_t s = 0; s < steps; s++) {
      const Unit* const right = b + s * 16 * kPanel;
      _tile_loadd(4, a + s * 16, stride * 4);
      _tile_loadd(6, right, kPanel * 4);
      _tile_dpbf16ps(0, 4, 6);
      if constexpr (R == 2) {
        _tile_loadd(5, a + 16 * stride + s * 16, stride * 4);
        _tile_dpbf16ps(1, 5, 6);
      }
      if constexpr (C == 2) {
        _tile_loadd(7, right + 16, kPanel * 4);
        _tile_dpbf16ps(2, 4, 7);
        if constexpr (R == 2) _tile_dpbf16ps(3, 5, 7);
      }
    }
    _tile_stored(0, out, kPanel * 4);
    if constexpr (R == 2) _tile_stored(1, out + 16 * kPanel, kPanel * 4);
    if constexpr (C == 2) _tile_stored(2, out + 16, kPanel * 4);
    if constexpr (R == 2 && C == 2) _tile_stored(3, out + 16 * kPanel + 16, kPanel * 4);
  }

  /** Tiles 0 to 3 as `out` is, or zero where that is null. */
  template <int R> static void start(const float* out) {
    if (!out) {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      return;
    }
    _tile_loadd(0, out, kPanel * 4);
    if constexpr (R == 2) _tile_loadd(1, out + 16 * kPanel, kPanel * 4);
    if constexpr (C == 2) _tile_loadd(2, out + 16, kPanel * 4);
    if constexpr (R == 2 && C == 2) _tile_loadd(3, out + 16 * kPanel + 16, kPanel * 4);
  }

  static void apply_rescale(float* out, size_t rows, const F* rescale) {
    for (size_t row = 0; row < rows; row++)
      for (int c = 0; c < C; c++) {
        float* const sums_of = out + row * kPanel + c * 16;
        S::store(sums_of, S::mul(S::load(sums_of), rescale[c]));
      }
  }
};

/** As attend_many, bfloat16 on tiles. */
template <class S> const ManyQueries& attend_many_on_tiles(KeyValueDtype dtype, size_t queries) {
  if (dtype != KeyValueDtype::bfloat16) return attend_many<S>(dtype, queries);
  return queries <= 16 ? many_queries<S, TileUnits<S, 1>> : many_queries<S, TileUnits<S, 2>>;
}

}  // namespace
}  // namespace mixtape
