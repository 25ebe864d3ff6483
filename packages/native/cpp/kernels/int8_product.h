#pragma once
// Products of quantised weights by activations in 8 bits: codes meet codes in whole numbers, and each block's sum is scaled. No weight is
// decoded. Activations are rounded in blocks of 32, each to its largest magnitude, as in ggml's Q8_0.

#include <math.h>
#include <string.h>

#include "formats/blocks.h"
#include "kernels/table.h"

namespace mixtape {
namespace {

template <class S, class Format> struct Int8Product {
  /** Rows that are multiplied together: their sums wait for each other less. */
  static constexpr int kRows = S::kInt8Rows;
  /** Tokens that meet a block of weights together. */
  static constexpr int kTokens = S::kInt8Tokens;
  /** Rows that are read side by side for a single token, each onwards into the next: see DotProduct. */
  static constexpr int kStreams = 4;

  static size_t padded_width(size_t width) { return (width + 31) / 32 * 32; }
  static size_t packed_bytes(size_t tokens, size_t width) { return tokens * Int8Tokens<1>::token_bytes(padded_width(width)); }

  static void pack(const Activations& x, size_t from, size_t to, size_t, size_t width, uint8_t* packed) {
    const size_t padded = padded_width(width);
    for (size_t t = from; t < to; t++) {
      uint8_t* const out = packed + t * Int8Tokens<1>::token_bytes(padded);
      float* const numbers = reinterpret_cast<float*>(out + padded);
      const float* const token = x.token(t);
      for (size_t k = 0; k < x.count; k += 32) {
        const size_t block = (x.first + k) / 32;
        float rest[32] = {};
        if (x.count - k < 32) memcpy(rest, token + k, (x.count - k) * sizeof *rest);
        const float* const values = x.count - k < 32 ? rest : token + k;
        const float largest = S::max_abs(values);
        int sums[2];
        auto* const codes = reinterpret_cast<int8_t*>(out) + 32 * block;
        S::quantize(values, largest > kTiny ? 127 / largest : 0, codes, sums);
        float kept = largest / 127;
        if (!(largest < INFINITY)) {
          // An infinity or a NaN: the scale makes every product one.
          kept = NAN;
          memset(codes, 1, 32);
        }
        numbers[block] = kept;
        numbers[padded / 32 + block] = kept * static_cast<float>(sums[0] + sums[1]);
        numbers[2 * (padded / 32) + 2 * block] = kept * static_cast<float>(sums[0]);
        numbers[2 * (padded / 32) + 2 * block + 1] = kept * static_cast<float>(sums[1]);
      }
    }
  }

  static void multiply(const Matrix& w, const uint8_t* packed, size_t tokens, float* y, size_t stride) {
    const size_t padded = padded_width(w.columns);
    const size_t token_bytes = Int8Tokens<1>::token_bytes(padded);
    size_t t = 0;
    if constexpr (kTokens > 1)
      for (; t + kTokens <= tokens; t += kTokens) all_rows<kTokens>(w, packed + t * token_bytes, padded, y + t * stride, stride);
    for (; t < tokens; t++) all_rows<1>(w, packed + t * token_bytes, padded, y + t * stride, stride);
  }

  static constexpr Product product = {1, packed_bytes, pack, multiply};

 private:
  /** Smaller numbers count as zeros: 127 over them would be infinite. */
  static constexpr float kTiny = 0x1p-100f;

  template <int T> static void all_rows(const Matrix& w, const uint8_t* packed, size_t padded, float* y, size_t stride) {
    size_t n = 0;
    if constexpr (T == 1 && kRows > 1) {
      const size_t apart = w.rows / kStreams;
      for (size_t i = 0; i < apart; i++) some_rows<kStreams, T>(w, i, apart, packed, padded, y + i, stride);
      n = apart * kStreams;
    } else {
      for (; n + kRows <= w.rows; n += kRows) some_rows<kRows, T>(w, n, 1, packed, padded, y + n, stride);
    }
    if constexpr (kRows > 1)
      for (; n < w.rows; n++) some_rows<1, T>(w, n, 1, packed, padded, y + n, stride);
  }

  /** R rows, so many `apart`, by T tokens. */
  template <int R, int T>
  static void some_rows(const Matrix& w, size_t n, size_t apart, const uint8_t* packed, size_t padded, float* y, size_t stride) {
    Int8Sums<S, T> sums[R];
    const uint8_t* row[R];
    for (int r = 0; r < R; r++) row[r] = w.row(n + static_cast<size_t>(r) * apart);
    if constexpr (is_planar(Format::dtype)) {
      constexpr size_t kBytes = bytes_of(Format::dtype, 32);
      const size_t blocks = w.columns / 32;
      for (size_t first = 0; first < blocks; first += 8) {
        const size_t count = blocks - first < 8 ? blocks - first : 8;
        for (int r = 0; r < R; r++) {
          float factors[T][8];
          factors_of<Format, T>(w, n + static_cast<size_t>(r) * apart, count, Int8Tokens<T>{packed, padded, first}, sums[r], factors);
          const uint8_t* const at = row[r] + first * kBytes;
          for (size_t line = 0; line < 8 * kBytes; line += 64) __builtin_prefetch(at + kAhead + line);
          for (size_t i = 0; i < count; i++) {
            const auto codes = Format::template codes<S>(at + i * kBytes);
            const Int8Tokens<T> x{packed, padded, first + i};
            for (int t = 0; t < T; t++)
              sums[r].add(t, Format::template dot<S>(codes, S::load_bytes(x.codes(t))), factors[t][i]);
          }
        }
      }
    } else {
      const size_t blocks = w.columns / Format::kElements;
      for (size_t b = 0; b < blocks; b++)
        for (int r = 0; r < R; r++) {
          const uint8_t* const at = row[r] + b * Format::kBytes;
          for (size_t line = 0; line < Format::kBytes; line += 64) __builtin_prefetch(at + kAhead + line);
          Format::template add<S, T>(at, Int8Tokens<T>{packed, padded, b * (Format::kElements / 32)}, sums[r]);
        }
    }
    for (int t = 0; t < T; t++)
      for (int r = 0; r < R; r++) y[static_cast<size_t>(t) * stride + static_cast<size_t>(r) * apart] = sums[r].of(t);
  }

  /** Scales of `count` blocks of a row times those of tokens; what the offset of codes adds is subtracted. */
  template <class Planar, int T>
  static void factors_of(const Matrix& w, size_t row, size_t count, const Int8Tokens<T>& x, Int8Sums<S, T>& sums, float (*factors)[8]) {
    const size_t group = w.scales.group;
    if (count == 8 && group == 32 && w.scales.dtype == Dtype::bfloat16) {
      const auto scales = S::from_bfloat16(w.scales.data + (row * (w.columns / 32) + x.block) * 2);
      for (int t = 0; t < T; t++) {
        S::store8(factors[t], S::mul8(scales, S::load8(x.scales(t))));
        if (Planar::kOffset > 0) sums.subtract(t, S::mul8(scales, S::splat8(Planar::kOffset)), S::load8(x.sums(t)));
      }
      return;
    }
    for (size_t i = 0; i < count; i++) {
      const float scale = scale_at(w, row, (x.block + i) * 32 / group);
      for (int t = 0; t < T; t++) {
        factors[t][i] = scale * x.scales(t)[i];
        sums.subtract(t, Planar::kOffset * scale * x.sums(t)[i]);
      }
    }
  }

  /** Distance of the lines that are fetched ahead, all of a block: without it, blocks of 144 or 210 bytes come at a quarter of the speed. */
  static constexpr size_t kAhead = 1024;
};

template <class S> const Product& int8_product(Dtype weights) {
  return with_format(weights, [](auto format) -> const Product& { return Int8Product<S, decltype(format)>::product; });
}

}  // namespace
}  // namespace mixtape
