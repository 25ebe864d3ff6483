#pragma once
// Products as rows times tokens, each a dot product along the width: no weight is moved before it is used, and any format
// serves that can be loaded. Fastest for few tokens, where reading the weights is all the work.

#include <string.h>

#include "formats/formats.h"
#include "kernels/table.h"

namespace mixtape {
namespace {

/** Multiplies weights of a format by float32 activations. */
template <class S, class Format> struct FloatTerms {
  using Weight = typename Format::Element;
  using Input = float;
  using Vector = typename S::F;
  static constexpr size_t kStep = S::N;
  static Vector weights(const Weight* p) { return Format::template load<S>(p); }
  static Vector some_weights(const Weight* p, size_t count) { return load_some<S, Format>(p, count); }
  static Vector inputs(const Input* p) { return S::load(p); }
  static typename S::F multiply(typename S::F acc, Vector w, Vector x) { return S::fma(w, x, acc); }
  static void pack(const float* x, size_t width, Input* packed) { memcpy(packed, x, width * sizeof *x); }
};

/** Multiplies bfloat16 weights by activations rounded to bfloat16, in pairs. */
template <class S> struct Bfloat16Terms {
  using Weight = uint16_t;
  using Input = uint16_t;
  using Vector = typename S::B;
  static constexpr size_t kStep = 2 * S::N;
  static Vector weights(const Weight* p) { return S::load_pairs(p); }
  static Vector some_weights(const Weight* p, size_t count) {
    Weight block[kStep] = {};
    memcpy(block, p, count * sizeof *p);
    return S::load_pairs(block);
  }
  static Vector inputs(const Input* p) { return S::load_pairs(p); }
  static typename S::F multiply(typename S::F acc, Vector w, Vector x) { return S::dot_pairs(acc, w, x); }
  static void pack(const float* x, size_t width, Input* packed) {
    size_t k = 0;
    for (; k + S::N <= width; k += S::N) S::store_bfloat16(packed + k, S::load(x + k));
    if (k == width) return;
    uint16_t block[S::N];
    S::store_bfloat16(block, load_some<S, Float32>(x + k, width - k));
    memcpy(packed + k, block, (width - k) * sizeof *packed);
  }
};

template <class S, class Terms> struct DotProduct {
  using Weight = typename Terms::Weight;
  using Input = typename Terms::Input;

  /** Rows of weights, and tokens, whose sums are kept in registers together. */
  static constexpr int kRows = 4;
  static constexpr int kTokens = S::N == 8 ? 2 : 6;
  /**
   * Of one or two tokens reading the weights is all the work. So many rows, far apart, are read side by side, each onwards into
   * the next: processors foresee a stream within a page of memory only, and several streams hide each other's page ends. With
   * a fetch ahead that is a tenth to a quarter faster than row by row (measured on Sapphire Rapids).
   */
  static constexpr int kStreams = 8;
  static constexpr size_t kAhead = 1024;
  static constexpr size_t kLine = 64;

  /** Packed tokens start at multiples of a vector, zeros behind them. */
  static size_t packed_width(size_t width) { return (width + Terms::kStep - 1) / Terms::kStep * Terms::kStep; }
  static size_t packed_bytes(size_t tokens, size_t width) { return tokens * packed_width(width) * sizeof(Input); }

  static void pack(const Activations& x, size_t from, size_t to, size_t, size_t width, uint8_t* packed) {
    const size_t padded = packed_width(width);
    for (size_t t = from; t < to; t++) {
      Input* const out = reinterpret_cast<Input*>(packed) + t * padded;
      Terms::pack(x.token(t), x.count, out + x.first);
      if (x.first + x.count == width) memset(out + width, 0, (padded - width) * sizeof(Input));
    }
  }

  static void multiply(const Matrix& w, const uint8_t* packed, size_t tokens, float* y, size_t stride) {
    const size_t padded = packed_width(w.columns);
    const Input* const x = reinterpret_cast<const Input*>(packed);
    size_t n = 0;
    if (tokens == 1) n = streams<1>(w, x, padded, y, stride);
    if (tokens == 2) n = streams<2>(w, x, padded, y, stride);
    // Tokens in the outer loop: those that are in work stay in the first-level cache, and a share of the weights in the second.
    size_t t = 0;
    for (; t + kTokens <= tokens; t += kTokens) all_rows<kTokens>(w, n, x + t * padded, padded, y + t * stride, stride);
    for (; t + 2 <= tokens; t += 2) all_rows<2>(w, n, x + t * padded, padded, y + t * stride, stride);
    if (t < tokens) all_rows<1>(w, n, x + t * padded, padded, y + t * stride, stride);
  }

 private:
  /** Multiplies the rows that make up whole streams. Returns how many they are. */
  template <int T> static size_t streams(const Matrix& w, const Input* x, size_t padded, float* y, size_t stride) {
    const size_t apart = w.rows / kStreams;
    for (size_t n = 0; n < apart; n++)
      block<kStreams, T>(reinterpret_cast<const Weight*>(w.row(n)), apart, w.columns, x, padded, y + n, stride);
    return apart * kStreams;
  }

  template <int T> static void all_rows(const Matrix& w, size_t n, const Input* x, size_t padded, float* y, size_t stride) {
    const auto row = [&](size_t i) { return reinterpret_cast<const Weight*>(w.row(i)); };
    for (; n + kRows <= w.rows; n += kRows) block<kRows, T>(row(n), 1, w.columns, x, padded, y + n, stride);
    for (; n < w.rows; n++) block<1, T>(row(n), 1, w.columns, x, padded, y + n, stride);
  }

  /** The sums of R rows, so many `apart`, and T tokens. */
  template <int R, int T>
  static void block(const Weight* w, size_t apart, size_t width, const Input* x, size_t padded, float* y, size_t stride) {
    constexpr bool kFetches = R == kStreams && Terms::kStep * sizeof(Weight) == kLine;
    const size_t pitch = apart * width;
    // With zeros up to whole squares of vectors, as they are summed up.
    typename S::F acc[(R * T + S::N - 1) / S::N * S::N];
    for (auto& sum : acc) sum = S::zero();
    size_t k = 0;
    for (; k + Terms::kStep <= width; k += Terms::kStep) {
      typename Terms::Vector inputs[T];
      for (int t = 0; t < T; t++) inputs[t] = Terms::inputs(x + t * padded + k);
      for (int r = 0; r < R; r++) {
        const Weight* const row = w + r * pitch + k;
        if constexpr (kFetches) __builtin_prefetch(reinterpret_cast<const uint8_t*>(row) + kAhead);
        const typename Terms::Vector weights = Terms::weights(row);
        for (int t = 0; t < T; t++) acc[t * R + r] = Terms::multiply(acc[t * R + r], weights, inputs[t]);
      }
    }
    if (k < width) {
      for (int r = 0; r < R; r++) {
        const typename Terms::Vector weights = Terms::some_weights(w + r * pitch + k, width - k);
        for (int t = 0; t < T; t++) acc[t * R + r] = Terms::multiply(acc[t * R + r], weights, Terms::inputs(x + t * padded + k));
      }
    }
    if constexpr (R * T > S::N / 2) {
      float sums[sizeof acc / sizeof(typename S::F)];
      for (int i = 0; i < R * T; i += S::N) S::store(sums + i, S::sums(acc + i));
      for (int t = 0; t < T; t++)
        for (int r = 0; r < R; r++) y[t * stride + r * apart] = sums[t * R + r];
    } else {
      for (int t = 0; t < T; t++)
        for (int r = 0; r < R; r++) y[t * stride + r * apart] = S::sum(acc[t * R + r]);
    }
  }

 public:
  static constexpr Product product = {1, packed_bytes, pack, multiply};
};

/** The dot product of a format: in bfloat16 pairs where asked for and where the instruction set has them. */
template <class S, class Format> const Product& dot_product(Precision precision) {
  if constexpr (S::kBfloat16Product && Format::dtype == Dtype::bfloat16)
    if (precision == Precision::bfloat16) return DotProduct<S, Bfloat16Terms<S>>::product;
  (void)precision;
  return DotProduct<S, FloatTerms<S, Format>>::product;
}

template <class S> const Product& dot_product(Dtype weights, Precision precision) {
  switch (weights) {
    case Dtype::bfloat16:
      return dot_product<S, Bfloat16>(precision);
    case Dtype::float16:
      return dot_product<S, Float16>(precision);
    default:
      return dot_product<S, Float32>(precision);
  }
}

}  // namespace
}  // namespace mixtape
