#pragma once
// Products with transposed weights, y = x · W: the backward pass of y = x · Wᵀ. Rows of weights are read in place;
// none is transposed as a whole.

#include "kernels/panel_product.h"
#include "kernels/table.h"

namespace mixtape {
namespace {

/** Weights of any format by numbers in float32, in panels. */
template <class S, class Format> struct TransposedPanels {
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
                       size_t stride, uint8_t*) {
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

  static constexpr TransposedProduct product = {P::kRows, packed_bytes, pack, 0, multiply};
};

/**
 * Weights in bfloat16 by numbers that are rounded to bfloat16. Both meet in pairs along the depth: two rows of weights are
 * interleaved into a panel; nothing else is transposed.
 * @tparam Block multiplies a block of tokens by a panel
 */
template <class S, class Block> struct TransposedPairs {
  /** Columns of a panel. */
  static constexpr size_t kColumns = 32;
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
                       size_t stride, uint8_t* scratch) {
    uint16_t* const panels[2] = {reinterpret_cast<uint16_t*>(scratch), reinterpret_cast<uint16_t*>(scratch + kScratch / 2)};
    const size_t row = row_bytes(w.rows);
    const size_t blocks = (tokens + Block::kTokens - 1) / Block::kTokens;
    const Size size = tokens < kFewTokens ? Size{kShallow, kNumbers / kShallow} : Size{kDeep, kNumbers / kDeep};
    Block block;
    Place place{0, from, size};
    Filling filling(w, place, to, panels[0]);
    for (size_t iteration = 0; place.k == 0 || place.k < w.rows; iteration++) {
      filling.finish();
      const uint16_t* const filled = panels[iteration % 2];
      const Place next = place.after(from, to);
      filling = Filling(w, next, to, panels[(iteration + 1) % 2]);
      const size_t steps = (place.depth(w) + 31) / 32;
      const size_t count = place.count(to);
      const size_t each = filling.each(blocks * ((count + kColumns - 1) / kColumns) * steps);
      for (size_t t = 0; t < tokens; t += Block::kTokens) {
        const uint8_t* const x = packed + t * row + place.k * 2;
        const size_t some = tokens - t < Block::kTokens ? tokens - t : Block::kTokens;
        for (size_t j = 0; j < count; j += kColumns) {
          const size_t wide = count - j < kColumns ? count - j : kColumns;
          float* const out = y + t * stride + (place.n - from + j);
          block.multiply(x, row, some, filled + j * size.depth, steps, wide, add || place.k > 0, out, stride, filling, each);
        }
      }
      block.finish();
      place = next;
    }
  }

 private:
  /** Numbers of the panels that are filled at once: they stay in the second-level cache. */
  static constexpr size_t kNumbers = size_t{128} << 10;
  /**
   * Depth of the tiles. Of few tokens weights are read once: the further along each row, the faster. Of many, sums are written and read
   * again: the deeper, the less often.
   */
  static constexpr size_t kFewTokens = 192;
  static constexpr size_t kShallow = 128;
  static constexpr size_t kDeep = 256;

 public:
  /** Panels that are multiplied, and those that are filled meanwhile. */
  static constexpr size_t kScratch = 2 * kNumbers * sizeof(uint16_t);

 private:
  struct Size {
    size_t depth;
    size_t wide;
  };

  /** Begin of a panel: rows of weights, and columns. */
  struct Place {
    size_t k;
    size_t n;
    Size size;
    size_t depth(const Matrix& w) const { return k >= w.rows ? 0 : w.rows - k < size.depth ? w.rows - k : size.depth; }
    size_t count(size_t to) const { return to - n < size.wide ? to - n : size.wide; }
    Place after(size_t from, size_t to) const {
      return n + size.wide < to ? Place{k, n + size.wide, size} : Place{k + size.depth, from, size};
    }
  };

  /**
   * The filling of panels [pair][column][2], some pairs of rows at a time, zeros where there are none: it goes on while others are
   * multiplied.
   */
  class Filling {
   public:
    Filling(const Matrix& w, const Place& place, size_t to, uint16_t* panels)
        : depth_(place.depth(w)), count_(place.count(to)), stride_(w.columns), panel_(place.size.depth * kColumns), to_(panels) {
      if (depth_ == 0) return;
      from_ = reinterpret_cast<const uint16_t*>(w.row(place.k)) + place.n;
      left_ = w.rows - place.k;
      pairs_ = (depth_ + 31) / 32 * 16;
    }

    /** Returns the number of pieces per part. */
    size_t each(size_t parts) const {
      const size_t pieces = pairs_ * ((count_ + kColumns - 1) / kColumns);
      return parts > 0 ? (pieces + parts - 1) / parts : 0;
    }
    void some(size_t pieces) {
      for (; pieces > 0 && pair_ < pairs_; pieces--) {
        if (column_ == 0) fetch();
        piece();
        column_ += kColumns;
        if (column_ >= count_) column_ = 0, pair_++;
      }
    }
    void finish() {
      some(static_cast<size_t>(-1));
    }

   private:
    /** Pairs of rows that are fetched ahead. */
    static constexpr size_t kAhead = 6;

    void fetch() const {
      // What follows these rows is most often filled next.
      const size_t row = 2 * (pair_ + kAhead);
      if (row + 1 >= left_) return;
      for (size_t at = 0; at < count_; at += kColumns) {
        __builtin_prefetch(from_ + row * stride_ + at, 0, 2);
        __builtin_prefetch(from_ + (row + 1) * stride_ + at, 0, 2);
      }
    }

    void piece() const {
      uint16_t lines[2][kColumns];
      const uint16_t* line[2];
      const size_t wide = count_ - column_ < kColumns ? count_ - column_ : kColumns;
      for (size_t r = 0; r < 2; r++) {
        const size_t row = 2 * pair_ + r;
        line[r] = row < depth_ ? from_ + row * stride_ + column_ : nullptr;
        if (line[r] && wide == kColumns) continue;
        memset(lines[r], 0, sizeof lines[r]);
        if (line[r]) memcpy(lines[r], line[r], wide * sizeof *lines[r]);
        line[r] = lines[r];
      }
      S::interleave(line[0], line[1], to_ + column_ / kColumns * panel_ + pair_ * 2 * kColumns);
    }

    size_t depth_;
    size_t count_;
    size_t stride_;
    /** Numbers of a panel. */
    size_t panel_;
    uint16_t* to_;
    const uint16_t* from_ = nullptr;
    size_t left_ = 0;
    size_t pairs_ = 0;
    size_t pair_ = 0;
    size_t column_ = 0;
  };
};

/** Blocks of eight tokens in registers. */
template <class S> struct PairsBlock {
  static constexpr size_t kTokens = 8;

  void finish() {}

  template <class Filling>
  void multiply(const uint8_t* x, size_t row, size_t tokens, const uint16_t* panel, size_t steps, size_t count, bool add, float* y,
                size_t stride, Filling& filling, size_t each) {
    constexpr int kVectors = 32 / S::N;
    filling.some(each * steps);
    typename S::F sums[kTokens][kVectors];
    for (size_t r = 0; r < kTokens; r++)
      for (int v = 0; v < kVectors; v++) sums[r][v] = S::zero();
    for (size_t pair = 0; pair < steps * 16; pair++) {
      typename S::B line[kVectors];
      for (int v = 0; v < kVectors; v++) line[v] = S::load_pairs(panel + pair * 64 + v * 2 * S::N);
      for (size_t r = 0; r < kTokens; r++) {
        uint32_t both;
        memcpy(&both, x + r * row + pair * 4, sizeof both);
        const typename S::B broadcast = S::broadcast_pair(both);
        for (int v = 0; v < kVectors; v++) sums[r][v] = S::dot_pairs(sums[r][v], broadcast, line[v]);
      }
    }
    for (size_t r = 0; r < tokens; r++)
      for (int v = 0; v < kVectors; v++) {
        const size_t at = static_cast<size_t>(v) * S::N;
        if (at >= count) break;
        float* const out = y + r * stride + at;
        const size_t some = count - at;
        if (some >= S::N) {
          S::store(out, add ? S::add(S::load(out), sums[r][v]) : sums[r][v]);
        } else {
          store_some<S>(out, add ? S::add(load_some<S, Float32>(out, some), sums[r][v]) : sums[r][v], some);
        }
      }
  }
};

template <class S> const TransposedProduct& transposed_product(Dtype weights, Precision precision) {
  if constexpr (S::kBfloat16Product) {
    static constexpr TransposedProduct kPairs = {TransposedPairs<S, PairsBlock<S>>::kGroup, TransposedPairs<S, PairsBlock<S>>::packed_bytes,
                                             TransposedPairs<S, PairsBlock<S>>::pack, TransposedPairs<S, PairsBlock<S>>::kScratch, TransposedPairs<S, PairsBlock<S>>::multiply};
    if (weights == Dtype::bfloat16 && precision == Precision::bfloat16) return kPairs;
  }
  switch (weights) {
    case Dtype::bfloat16:
      return TransposedPanels<S, Bfloat16>::product;
    case Dtype::float16:
      return TransposedPanels<S, Float16>::product;
    default:
      return TransposedPanels<S, Float32>::product;
  }
}

}  // namespace
}  // namespace mixtape
