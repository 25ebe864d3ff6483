#pragma once
// What AttendMany multiplies: float32 numbers, or bfloat16 pairs where the instruction set has their product. Both are units of
// 32 bits, broadcast from the left side of a product over the queries in the lanes of its right side.

#include <string.h>

#include "formats/formats.h"
#include "kernels/attention_types.h"
#include "kernels/key_values.h"
#include "kernels/runs.h"

namespace mixtape {
namespace {

/** The values of a tile of positions, one by one. */
struct TileValues {
  const KeyValues& kv;
  size_t lane;
  size_t position;
  size_t count;

  float at(size_t key, size_t i) const {
    const Run run = run_of(kv, lane, position + key, 1);
    if (kv.dtype == KeyValueDtype::int8) return static_cast<float>(static_cast<int8_t>(run.values[i])) * *run.value_scales;
    uint32_t bits = 0;
    if (kv.dtype == KeyValueDtype::float32) {
      memcpy(&bits, run.values + i * sizeof bits, sizeof bits);
    } else {
      memcpy(reinterpret_cast<uint8_t*>(&bits) + 2, run.values + i * 2, 2);
    }
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
  }

  bool are_finite() const {
    for (size_t done = 0; done < count;) {
      const Run run = run_of(kv, lane, position + done, count - done);
      if (!are_finite(run)) return false;
      done += run.count;
    }
    return true;
  }

 private:
  bool are_finite(const Run& run) const {
    const size_t numbers = (run.count - 1) * kv.value_stride + kv.value_width;
    if (kv.dtype == KeyValueDtype::float32) return have_no<uint32_t, 0x7f800000>(run.values, numbers);
    if (kv.dtype == KeyValueDtype::bfloat16) return have_no<uint16_t, 0x7f80>(run.values, numbers);
    return have_no<uint32_t, 0x7f800000>(reinterpret_cast<const uint8_t*>(run.value_scales), run.count);
  }

  /** Returns whether all values are finite: no exponent has all bits set. */
  template <class Bits, Bits exponent> static bool have_no(const uint8_t* x, size_t count) {
    const auto* const bits = reinterpret_cast<const Bits*>(x);
    Bits found = 0;
    for (size_t i = 0; i < count; i++) found |= (bits[i] & exponent) == exponent;
    return found == 0;
  }
};

/**
 * `out[r] += Σ_s a[r · row + s · step] · b[s]`, each b[s] and out[r] a panel of C vectors; `out` is
 * multiplied by `rescale` first, by 0 where that is null.
 */
template <class S, class U, int C> struct PanelProduct {
  using F = typename S::F;
  using Unit = typename U::Unit;
  static constexpr size_t kPanel = C * S::N;
  static constexpr int kRows = S::N == 8 ? 4 : 8;

  static void run(const Unit* a, size_t rows, size_t row, size_t step, const Unit* b, size_t steps, const F* rescale,
                  float* out) {
    size_t r = 0;
    for (; r + kRows <= rows; r += kRows) block<kRows>(a + r * row, row, step, b, steps, rescale, out + r * kPanel);
    for (; r + 2 <= rows; r += 2) block<2>(a + r * row, row, step, b, steps, rescale, out + r * kPanel);
    if (r < rows) block<1>(a + r * row, row, step, b, steps, rescale, out + r * kPanel);
  }

 private:
  template <int R>
  static void block(const Unit* a, size_t row, size_t step, const Unit* b, size_t steps, const F* rescale, float* out) {
    F sums[R][C];
    for (int r = 0; r < R; r++)
      for (int c = 0; c < C; c++)
        sums[r][c] = rescale ? S::mul(S::load(out + r * kPanel + c * S::N), rescale[c]) : S::zero();
    for (size_t s = 0; s < steps; s++) {
      typename U::Vector right[C];
      for (int c = 0; c < C; c++) right[c] = U::load(b + s * kPanel + c * S::N);
      for (int r = 0; r < R; r++) {
        const typename U::Vector left = U::broadcast(a[r * row + s * step]);
        for (int c = 0; c < C; c++) sums[r][c] = U::multiply(sums[r][c], left, right[c]);
      }
    }
    for (int r = 0; r < R; r++)
      for (int c = 0; c < C; c++) S::store(out + r * kPanel + c * S::N, sums[r][c]);
  }
};

/** Keys and values as float32, whatever they are kept as. C vectors of queries. */
template <class S, class Format, int C> struct FloatUnits {
  using Unit = float;
  using Vector = typename S::F;
  using F = typename S::F;
  static constexpr size_t kNumbers = 1;
  static constexpr int kVectors = C;
  static constexpr size_t kTile = 64;
  static constexpr size_t kAlign = 1;
  static constexpr bool kFine = true;
  using Products = PanelProduct<S, FloatUnits, kVectors>;
  static constexpr size_t kPanel = kVectors * S::N;

  static Vector load(const Unit* p) { return S::load(p); }
  static Vector broadcast(Unit x) { return S::set(x); }
  static F multiply(F sum, Vector a, Vector b) { return S::fma(a, b, sum); }

  /** State of a thread while it multiplies. */
  struct Session {};

  static size_t units(size_t width) { return width; }
  static size_t sums(size_t width) { return width; }
  static size_t keys_units(size_t width) { return kTile * width; }
  static size_t values_units(size_t width) { return kTile * width; }
  static constexpr size_t kWeightsUnits = 0;

  static void put_queries(Unit* queries, const F* row) { S::store(queries, *row); }

  /** @returns the keys */
  static const Unit* pack(const KeyValues& kv, size_t lane, size_t position, size_t count, Unit* keys, Unit* values) {
    for (size_t done = 0; done < count;) {
      const Run run = run_of(kv, lane, position + done, count - done);
      decode_rows<S, Format>(run.keys, run.key_scales, run.count, kv.width, kv.width, keys + done * kv.width);
      decode_rows<S, Format>(run.values, run.value_scales, run.count, kv.value_stride, kv.value_width, values + done * kv.value_width);
      done += run.count;
    }
    return keys;
  }

  static void scores(const Unit* keys, const Unit* queries, size_t from, size_t to, size_t width, float* scores) {
    Products::run(keys + from * width, to - from, width, 1, queries, width, nullptr, scores + from * kPanel);
  }

  static void put_weights(Unit*, size_t, size_t, const F*) {}
  static void end_weights(Unit*, size_t) {}

  static void accumulate(const Unit* values, const float* weights, const Unit*, size_t from, size_t to, size_t width, const F* rescale,
                  float* sums) {
    Products::run(values + from * width, width, 1, width, weights + from * kPanel, to - from, rescale, sums);
  }
};

/** Keys and values as bfloat16, in pairs: of keys along the width, of values along the positions. C vectors of queries. */
template <class S, int C> struct PairUnits {
  using Unit = uint32_t;
  using Vector = typename S::B;
  using F = typename S::F;
  static constexpr size_t kNumbers = 2;
  static constexpr int kVectors = C;
  static constexpr size_t kTile = 64;
  static constexpr size_t kAlign = 2;
  static constexpr bool kFine = false;
  using Products = PanelProduct<S, PairUnits, kVectors>;
  static constexpr size_t kPanel = kVectors * S::N;
  static constexpr size_t kWeightsUnits = kTile / 2 * kPanel;

  static Vector load(const Unit* p) { return S::load_pairs(reinterpret_cast<const uint16_t*>(p)); }
  static Vector broadcast(Unit x) { return S::broadcast_pair(x); }
  static F multiply(F sum, Vector a, Vector b) { return S::dot_pairs(sum, a, b); }

  struct Session {};

  static size_t units(size_t width) { return (width + 1) / 2; }
  static size_t sums(size_t width) { return width; }
  static size_t keys_units(size_t width) { return kTile * units(width); }
  /** And as they are stored, before they are paired. */
  static size_t values_units(size_t width) { return kTile / 2 * width + kTile * units(width); }

  static void put_queries(Unit* queries, const F* rows) {
    S::store_pairs(reinterpret_cast<uint16_t*>(queries), rows[0], rows[1]);
  }

  static const Unit* pack(const KeyValues& kv, size_t lane, size_t position, size_t count, Unit* keys, Unit* values) {
    const size_t width = kv.value_width;
    uint16_t* const unpaired = reinterpret_cast<uint16_t*>(values + kTile / 2 * width);
    for (size_t done = 0; done < count;) {
      const Run run = run_of(kv, lane, position + done, count - done);
      pad_rows(run.keys, run.count, kv.width, reinterpret_cast<uint16_t*>(keys + done * units(kv.width)));
      copy_rows(run.values, run.count, kv.value_stride, unpaired + done * width, width);
      done += run.count;
    }
    if (count % 2 == 1) memset(unpaired + count * width, 0, width * sizeof *unpaired);
    for (size_t pair = 0; pair < (count + 1) / 2; pair++) {
      const uint16_t* const even = unpaired + 2 * pair * width;
      const uint16_t* const odd = even + width;
      Unit* const out = values + pair * width;
      for (size_t i = 0; i < width; i++) out[i] = even[i] | static_cast<Unit>(odd[i]) << 16;
    }
    return keys;
  }

  static void scores(const Unit* keys, const Unit* queries, size_t from, size_t to, size_t width, float* scores) {
    const size_t wide = units(width);
    Products::run(keys + from * wide, to - from, wide, 1, queries, wide, nullptr, scores + from * kPanel);
  }

  static void put_weights(Unit* weights, size_t key, size_t n, const F* weight) {
    S::store_pairs(reinterpret_cast<uint16_t*>(weights + key / 2 * kPanel + n), weight[0], weight[1]);
  }
  static void end_weights(Unit*, size_t) {}

  static void accumulate(const Unit* values, const float*, const Unit* weights, size_t from, size_t to, size_t width, const F* rescale,
                  float* sums) {
    const size_t first = from / 2;
    Products::run(values + first * width, width, 1, width, weights + first * kPanel, (to + 1) / 2 - first, rescale, sums);
  }

  static void copy_rows(const uint8_t* rows, size_t count, size_t stride, uint16_t* out, size_t width) {
    if (stride == width) {
      memcpy(out, rows, count * width * sizeof *out);
      return;
    }
    for (size_t row = 0; row < count; row++)
      memcpy(out + row * width, rows + row * stride * sizeof *out, width * sizeof *out);
  }

  /** Rows of `width`, each with a zero behind it where that is odd. */
  static void pad_rows(const uint8_t* rows, size_t count, size_t width, uint16_t* out) {
    const size_t wide = 2 * units(width);
    if (wide == width) {
      memcpy(out, rows, count * width * sizeof *out);
      return;
    }
    for (size_t row = 0; row < count; row++) {
      memcpy(out + row * wide, rows + row * width * sizeof *out, width * sizeof *out);
      out[row * wide + width] = 0;
    }
  }
};

}  // namespace
}  // namespace mixtape
