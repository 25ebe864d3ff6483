#pragma once
// Products of quantised weights in float32: strips of them are decoded, and copied into the panels that other weights are. Fastest for
// many tokens, and for all of them where activations must not be rounded.

#include "formats/blocks.h"
#include "kernels/panel_product.h"
#include "kernels/transposed_product.h"

namespace mixtape {
namespace {

template <class S> struct DecodedPanels {
  using P = Panels<S>;
  using Floats = PanelsOfWeights<S, Float32>;
  /** Depth of a panel, of about 32 KiB: whole blocks. */
  static constexpr size_t kDepth = size_t{8192} / P::kColumns / 256 * 256;

  static void multiply(const Matrix& w, const uint8_t* packed, size_t tokens, float* y, size_t stride) {
    const float* const left = reinterpret_cast<const float*>(packed);
    alignas(64) float decoded[P::kColumns * kDepth];
    alignas(64) float right[P::kColumns * kDepth];
    for (size_t n = 0; n < w.rows; n += P::kColumns) {
      const size_t count = w.rows - n < P::kColumns ? w.rows - n : P::kColumns;
      for (size_t k = 0; k == 0 || k < w.columns; k += kDepth) {
        const size_t depth = w.columns - k < kDepth ? w.columns - k : kDepth;
        for (size_t i = 0; i < count; i++) decode_part(w, n + i, k, depth, decoded + i * depth);
        const Operand strip = {Dtype::float32, reinterpret_cast<const uint8_t*>(decoded), depth, 1};
        P::template pack_format<Float32, P::kColumns>(strip, 0, count, 0, depth, right);
        P::multiply_steps(left + k * P::kRows, w.columns, tokens, right, count, depth, k > 0, y + n, stride);
      }
    }
  }

  static constexpr Product product = {P::kRows, Floats::packed_bytes, Floats::pack, multiply};
};

/** The same with transposed weights: squares of them are decoded, of all rows that are met together. */
template <class S> struct DecodedTransposedPanels {
  using P = Panels<S>;
  using Floats = TransposedPanels<S, Float32>;
  /** Rows and columns that are decoded together. */
  static constexpr size_t kDepth = 32;
  static constexpr size_t kWide = 256;

  static void multiply(const Matrix& w, size_t from, size_t to, const uint8_t* packed, size_t tokens, bool add, float* y,
                       size_t stride, uint8_t*) {
    const float* const left = reinterpret_cast<const float*>(packed);
    alignas(64) float decoded[kDepth * kWide];
    alignas(64) float right[P::kColumns * kDepth];
    for (size_t k = 0; k == 0 || k < w.rows; k += kDepth) {
      const size_t depth = w.rows - k < kDepth ? w.rows - k : kDepth;
      for (size_t first = from / kWide * kWide; first < to; first += kWide) {
        const size_t wide = w.columns - first < kWide ? w.columns - first : kWide;
        for (size_t i = 0; i < depth; i++) decode_part(w, k + i, first, wide, decoded + i * kWide);
        const Operand square = {Dtype::float32, reinterpret_cast<const uint8_t*>(decoded), 1, kWide};
        const size_t begin = first < from ? from : first;
        const size_t end = first + wide < to ? first + wide : to;
        for (size_t n = begin; n < end; n += P::kColumns) {
          const size_t count = end - n < P::kColumns ? end - n : P::kColumns;
          P::template pack_format<Float32, P::kColumns>(square, n - first, count, 0, depth, right);
          P::multiply_steps(left + k * P::kRows, w.rows, tokens, right, count, depth, add || k > 0, y + (n - from), stride);
        }
      }
    }
  }

  static constexpr TransposedProduct product = {P::kRows, Floats::packed_bytes, Floats::pack, 0, multiply};
};

}  // namespace
}  // namespace mixtape
