#pragma once
// Products of float32 matrices, of whatever format they are read from: both sides are copied into panels such that the innermost
// loop only goes forward, and a block of sums stays in registers (Goto and van de Geijn, Anatomy of High-Performance Matrix
// Multiplication, 2008). Fastest for many tokens, each weight being used many times after it was copied.

#include <string.h>

#include "formats/formats.h"
#include "kernels/table.h"

namespace mixtape {
namespace {

/** From so many tokens on, copying weights pays. */
constexpr size_t kMinPanelTokens = 16;

template <class S> struct Panels {
  /** The sums of kRows · kVectors vectors stay in registers, with as many vectors of the right side, and one of the left. */
  static constexpr int kRows = S::N == 16 ? 12 : S::N == 4 ? 8 : 6;
  static constexpr int kVectors = S::N == 4 ? 3 : 2;
  static constexpr int kColumns = kVectors * S::N;

  template <class Format, int Width>
  static void pack_format(const Operand& x, size_t from, size_t count, size_t k, size_t depth, float* panels) {
    const auto* const data = reinterpret_cast<const typename Format::Element*>(x.data) + from * x.row_stride + k * x.depth_stride;
    for (size_t first = 0; first < count; first += Width, panels += Width * depth) {
      const size_t some = count - first < Width ? count - first : Width;
      if (x.depth_stride == 1) {
        pack_along<Format, Width>(data + first * x.row_stride, x.row_stride, some, depth, panels);
      } else {
        pack_across<Format, Width>(data + first, x.depth_stride, some, depth, panels);
      }
    }
  }

  /** Values are contiguous along the depth: squares of them are transposed. */
  template <class Format, int Width>
  static void pack_along(const typename Format::Element* x, size_t row, size_t some, size_t depth, float* panel) {
    for (size_t k = 0; k < depth; k += S::N) {
      const size_t deep = depth - k < S::N ? depth - k : S::N;
      for (size_t first = 0; first < Width; first += S::N) {
        const size_t wide = Width - first < S::N ? Width - first : S::N;
        typename S::F square[S::N];
        for (size_t i = 0; i < S::N; i++) {
          const typename Format::Element* const from = x + (first + i) * row + k;
          square[i] = i >= wide || first + i >= some ? S::zero()
                      : deep == S::N                 ? Format::template load<S>(from)
                                                     : load_some<S, Format>(from, deep);
        }
        S::transpose(square);
        for (size_t i = 0; i < deep; i++) {
          float* const to = panel + (k + i) * Width + first;
          if (wide == S::N) {
            S::store(to, square[i]);
          } else {
            store_some<S>(to, square[i], wide);
          }
        }
      }
    }
  }

  /** Values are contiguous across the depth, as in the panel. */
  template <class Format, int Width>
  static void pack_across(const typename Format::Element* x, size_t step, size_t some, size_t depth, float* panel) {
    for (size_t k = 0; k < depth; k++, x += step, panel += Width) {
      size_t i = 0;
      for (; i + S::N <= some && i + S::N <= Width; i += S::N) S::store(panel + i, Format::template load<S>(x + i));
      if (i < some) {
        store_some<S>(panel + i, load_some<S, Format>(x + i, some - i), some - i);
        i = some;
      }
      for (; i < Width; i++) panel[i] = 0;
    }
  }

  template <int Width>
  static void pack(const Operand& x, size_t from, size_t count, size_t k, size_t depth, float* panels) {
    switch (x.dtype) {
      case Dtype::float32:
        return pack_format<Float32, Width>(x, from, count, k, depth, panels);
      case Dtype::bfloat16:
        return pack_format<Bfloat16, Width>(x, from, count, k, depth, panels);
      default:
        return pack_format<Float16, Width>(x, from, count, k, depth, panels);
    }
  }

  static void multiply(const float* left, size_t rows, const float* right, size_t columns, size_t depth, bool add, float* y,
                       size_t stride) {
    multiply_steps(left, depth, rows, right, columns, depth, add, y, stride);
  }

  /** The same with left panels that are `left_depth` deep, of which these are the first `depth` steps. */
  static void multiply_steps(const float* left, size_t left_depth, size_t rows, const float* right, size_t columns,
                             size_t depth, bool add, float* y, size_t stride) {
    for (size_t j = 0; j < columns; j += kColumns, right += kColumns * depth) {
      const size_t wide = columns - j < kColumns ? columns - j : kColumns;
      for (size_t i = 0; i < rows; i += kRows) {
        const size_t tall = rows - i < kRows ? rows - i : kRows;
        const float* const panel = left + i * left_depth;
        float* const out = y + i * stride + j;
        if (tall == kRows && wide == kColumns) {
          block(panel, right, depth, add, out, stride);
          continue;
        }
        float sums[kRows * kColumns];
        block(panel, right, depth, false, sums, kColumns);
        for (size_t r = 0; r < tall; r++)
          for (size_t c = 0; c < wide; c++) {
            float& to = out[r * stride + c];
            to = add ? to + sums[r * kColumns + c] : sums[r * kColumns + c];
          }
      }
    }
  }

  static void block(const float* left, const float* right, size_t depth, bool add, float* y, size_t stride) {
    typename S::F sums[kRows][kVectors];
    for (int r = 0; r < kRows; r++)
      for (int v = 0; v < kVectors; v++) sums[r][v] = S::zero();
    for (size_t k = 0; k < depth; k++, left += kRows, right += kColumns) {
      typename S::F line[kVectors];
      for (int v = 0; v < kVectors; v++) line[v] = S::load(right + v * S::N);
      for (int r = 0; r < kRows; r++) {
        const typename S::F x = S::set(left[r]);
        for (int v = 0; v < kVectors; v++) sums[r][v] = S::fma(x, line[v], sums[r][v]);
      }
    }
    for (int r = 0; r < kRows; r++)
      for (int v = 0; v < kVectors; v++) {
        float* const to = y + r * stride + v * S::N;
        S::store(to, add ? S::add(S::load(to), sums[r][v]) : sums[r][v]);
      }
  }

  static constexpr MatrixProduct product = {kRows, kColumns, pack<kRows>, pack<kColumns>, multiply};
};

/** Weights of a format by many tokens: tokens are the left side, packed once; weights the right one, packed as they are met. */
template <class S, class Format> struct PanelsOfWeights {
  using P = Panels<S>;
  /** Weights are copied in panels of about 32 KiB, which stay in the first-level cache while all tokens meet them. */
  static constexpr size_t kDepth = size_t{8192} / P::kColumns;

  static size_t packed_bytes(size_t tokens, size_t width) {
    return (tokens + P::kRows - 1) / P::kRows * P::kRows * width * sizeof(float);
  }

  static void pack(const Activations& x, size_t from, size_t to, size_t, size_t width, uint8_t* packed) {
    for (size_t first = from; first < to; first += P::kRows) {
      float* const panel = reinterpret_cast<float*>(packed) + first * width + x.first * P::kRows;
      const size_t count = to - first < P::kRows ? to - first : P::kRows;
      if (!x.rows) {
        const Operand all = {Dtype::float32, reinterpret_cast<const uint8_t*>(x.x), x.stride, 1};
        P::template pack<P::kRows>(all, first, count, 0, x.count, panel);
        continue;
      }
      for (size_t i = 0; i < P::kRows; i++) {
        const float* const token = i < count ? x.token(first + i) : nullptr;
        for (size_t k = 0; k < x.count; k++) panel[k * P::kRows + i] = token ? token[k] : 0;
      }
    }
  }

  static void multiply(const Matrix& w, const uint8_t* packed, size_t tokens, float* y, size_t stride) {
    const float* const left = reinterpret_cast<const float*>(packed);
    const Operand weights = {w.dtype, w.data, w.columns, 1};
    alignas(64) float right[P::kColumns * kDepth];
    for (size_t n = 0; n < w.rows; n += P::kColumns) {
      const size_t count = w.rows - n < P::kColumns ? w.rows - n : P::kColumns;
      for (size_t k = 0; k == 0 || k < w.columns; k += kDepth) {
        const size_t depth = w.columns - k < kDepth ? w.columns - k : kDepth;
        P::template pack_format<Format, P::kColumns>(weights, n, count, k, depth, right);
        P::multiply_steps(left + k * P::kRows, w.columns, tokens, right, count, depth, k > 0, y + n, stride);
      }
    }
  }

  static constexpr Product product = {P::kRows, packed_bytes, pack, multiply};
};

template <class S> const Product& panel_product(Dtype weights) {
  switch (weights) {
    case Dtype::bfloat16:
      return PanelsOfWeights<S, Bfloat16>::product;
    case Dtype::float16:
      return PanelsOfWeights<S, Float16>::product;
    default:
      return PanelsOfWeights<S, Float32>::product;
  }
}

}  // namespace
}  // namespace mixtape
