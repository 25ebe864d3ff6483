#pragma once
// Products with weights that lie the other way, y = x · W: the way back through y = x · Wᵀ. Rows of weights are met where they lie;
// none is turned around as a whole.

#include "kernels/panel_product.h"
#include "kernels/table.h"

namespace mixtape {
namespace {

/** Weights of any format by numbers in float32, in panels. */
template <class S, class Format> struct TurnedPanels {
  using P = Panels<S>;
  static constexpr size_t kDepth = size_t{8192} / P::kColumns;

  static size_t packed_bytes(size_t tokens, size_t depth) { return PanelsOfWeights<S, Format>::packed_bytes(tokens, depth); }

  static void pack(const float* x, size_t stride, const int32_t* rows, size_t from, size_t to, size_t depth, uint8_t* packed) {
    float* panel = reinterpret_cast<float*>(packed) + from * depth;
    for (size_t first = from; first < to; first += P::kRows, panel += P::kRows * depth)
      for (size_t i = 0; i < P::kRows; i++) {
        if (first + i < to) {
          const float* const token = x + (rows ? static_cast<size_t>(rows[first + i]) : first + i) * stride;
          for (size_t k = 0; k < depth; k++) panel[k * P::kRows + i] = token[k];
        } else {
          for (size_t k = 0; k < depth; k++) panel[k * P::kRows + i] = 0;
        }
      }
  }

  static void multiply(const Matrix& w, size_t from, size_t to, const uint8_t* packed, size_t tokens, bool add, float* y,
                       size_t stride) {
    const float* const left = reinterpret_cast<const float*>(packed);
    const Operand weights = {w.dtype, w.data, 1, w.columns};
    alignas(64) float right[P::kColumns * kDepth];
    for (size_t k = 0; k == 0 || k < w.rows; k += kDepth) {
      const size_t depth = w.rows - k < kDepth ? w.rows - k : kDepth;
      for (size_t n = from; n < to; n += P::kColumns) {
        const size_t count = to - n < P::kColumns ? to - n : P::kColumns;
        P::template pack_format<Format, P::kColumns>(weights, n, count, k, depth, right);
        P::multiply_steps(left + k * P::kRows, w.rows, tokens, right, count, depth, add || k > 0, y + (n - from), stride);
      }
    }
  }

  static constexpr TurnedProduct product = {P::kRows, packed_bytes, pack, multiply};
};

/**
 * Weights in bfloat16 by numbers that are rounded to bfloat16. Both meet in pairs along the depth: two rows of weights are
 * interleaved into a panel, which is all the turning there is.
 * @tparam Block multiplies a block of tokens by a panel
 */
template <class S, class Block> struct TurnedPairs {
  /** Columns of a panel, and numbers of its depth: 32 KiB, which stay in the first-level cache. */
  static constexpr size_t kColumns = 32;
  static constexpr size_t kDepth = 512;
  static constexpr size_t kGroup = 16;

  /** Bytes from one packed token to the next: no power of two, which would put all of them in the same places of a cache. */
  static size_t row_bytes(size_t depth) { return (depth + 31) / 32 * 64 + 64; }
  static size_t packed_bytes(size_t tokens, size_t depth) { return (tokens + kGroup - 1) / kGroup * kGroup * row_bytes(depth); }

  /** Rows of bfloat16, zeros behind them, and whole groups of rows. */
  static void pack(const float* x, size_t stride, const int32_t* rows, size_t from, size_t to, size_t depth, uint8_t* packed) {
    const size_t padded = (depth + 31) / 32 * 32;
    const size_t all = (to + kGroup - 1) / kGroup * kGroup;
    for (size_t t = from; t < all; t++) {
      auto* const out = reinterpret_cast<uint16_t*>(packed + t * row_bytes(depth));
      if (t >= to) {
        memset(out, 0, padded * sizeof *out);
        continue;
      }
      const float* const token = x + (rows ? static_cast<size_t>(rows[t]) : t) * stride;
      size_t k = 0;
      for (; k + S::N <= depth; k += S::N) S::store_bfloat16(out + k, S::load(token + k));
      for (; k < padded; k += S::N)
        S::store_bfloat16(out + k, k < depth ? load_some<S, Float32>(token + k, depth - k) : S::zero());
    }
  }

  static void multiply(const Matrix& w, size_t from, size_t to, const uint8_t* packed, size_t tokens, bool add, float* y,
                       size_t stride) {
    [[maybe_unused]] const typename Block::Session session;
    alignas(64) uint16_t panel[kDepth * kColumns];
    const size_t row = row_bytes(w.rows);
    for (size_t k = 0; k == 0 || k < w.rows; k += kDepth) {
      const size_t depth = w.rows - k < kDepth ? w.rows - k : kDepth;
      for (size_t n = from; n < to; n += kColumns) {
        const size_t count = to - n < kColumns ? to - n : kColumns;
        fill(w, k, depth, n, count, panel);
        const Ahead ahead = next_of(w, k, depth, n, from, to);
        Block::multiply(packed + k * 2, row, tokens, panel, (depth + 31) / 32, count, add || k > 0, y + (n - from), stride, ahead);
      }
    }
  }

  /** Lines of weights that are met next: they are fetched on the way. */
  struct Ahead {
    const uint8_t* data;
    size_t stride;
    size_t count;
  };

 private:
  static Ahead next_of(const Matrix& w, size_t k, size_t depth, size_t n, size_t from, size_t to) {
    const bool is_last = n + kColumns >= to;
    const size_t then = is_last ? k + kDepth : k;
    if (then >= w.rows) return {w.data, 0, 0};
    const size_t rows = w.rows - then < kDepth ? w.rows - then : kDepth;
    return {w.row(then) + (is_last ? from : n + kColumns) * 2, w.row_bytes(), is_last ? rows : depth};
  }

  /** Panel [pair][column][2] of rows [k, k + depth) and columns [n, n + count); zeros where there are none. */
  static void fill(const Matrix& w, size_t k, size_t depth, size_t n, size_t count, uint16_t* panel) {
    uint16_t lines[2][kColumns];
    const size_t padded = (depth + 31) / 32 * 32;
    for (size_t i = 0; i < padded; i += 2, panel += 2 * kColumns) {
      const uint16_t* line[2];
      for (size_t j = 0; j < 2; j++) {
        const auto* const from = i + j < depth ? reinterpret_cast<const uint16_t*>(w.row(k + i + j)) + n : nullptr;
        line[j] = from;
        if (from && count == kColumns) continue;
        memset(lines[j], 0, sizeof lines[j]);
        if (from) memcpy(lines[j], from, count * sizeof *from);
        line[j] = lines[j];
      }
      S::interleave(line[0], line[1], panel);
    }
  }
};

/** Blocks of eight tokens in registers. */
template <class S> struct PairsBlock {
  struct Session {};
  static constexpr size_t kRows = 8;

  template <class Ahead>
  static void multiply(const uint8_t* x, size_t row, size_t tokens, const uint16_t* panel, size_t steps, size_t count, bool add,
                       float* y, size_t stride, const Ahead& ahead) {
    constexpr int kVectors = 32 / S::N;
    size_t fetched = 0;
    const size_t each = tokens > 0 ? (ahead.count + (tokens - 1) / kRows) / ((tokens + kRows - 1) / kRows) : 0;
    for (size_t t = 0; t < tokens; t += kRows, x += kRows * row) {
      for (size_t i = 0; i < each && fetched < ahead.count; i++) __builtin_prefetch(ahead.data + fetched++ * ahead.stride);
      typename S::F sums[kRows][kVectors];
      for (size_t r = 0; r < kRows; r++)
        for (int v = 0; v < kVectors; v++) sums[r][v] = S::zero();
      for (size_t pair = 0; pair < steps * 16; pair++) {
        typename S::B line[kVectors];
        for (int v = 0; v < kVectors; v++) line[v] = S::load_pairs(panel + pair * 64 + v * 2 * S::N);
        for (size_t r = 0; r < kRows; r++) {
          uint32_t both;
          memcpy(&both, x + r * row + pair * 4, sizeof both);
          const typename S::B spread = S::spread_pair(both);
          for (int v = 0; v < kVectors; v++) sums[r][v] = S::dot_pairs(sums[r][v], spread, line[v]);
        }
      }
      for (size_t r = 0; r < kRows && t + r < tokens; r++)
        for (int v = 0; v < kVectors; v++) {
          const size_t at = static_cast<size_t>(v) * S::N;
          if (at >= count) break;
          float* const out = y + (t + r) * stride + at;
          const size_t some = count - at;
          if (some >= S::N) {
            S::store(out, add ? S::add(S::load(out), sums[r][v]) : sums[r][v]);
          } else {
            store_some<S>(out, add ? S::add(load_some<S, Float32>(out, some), sums[r][v]) : sums[r][v], some);
          }
        }
    }
  }
};

template <class S> const TurnedProduct& turned_product(Dtype weights, Precision precision) {
  if constexpr (S::kBfloat16Product) {
    static constexpr TurnedProduct kPairs = {TurnedPairs<S, PairsBlock<S>>::kGroup, TurnedPairs<S, PairsBlock<S>>::packed_bytes,
                                             TurnedPairs<S, PairsBlock<S>>::pack, TurnedPairs<S, PairsBlock<S>>::multiply};
    if (weights == Dtype::bfloat16 && precision == Precision::bfloat16) return kPairs;
  }
  switch (weights) {
    case Dtype::bfloat16:
      return TurnedPanels<S, Bfloat16>::product;
    case Dtype::float16:
      return TurnedPanels<S, Float16>::product;
    default:
      return TurnedPanels<S, Float32>::product;
  }
}

}  // namespace
}  // namespace mixtape
