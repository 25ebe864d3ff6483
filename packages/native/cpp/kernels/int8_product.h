#pragma once
// Products of quantised weights by activations in 8 bits: codes meet codes in whole numbers, and each block's sum is scaled. No weight is
// decoded. Fastest for few tokens: rows are read as they are stored.

#include "formats/blocks.h"
#include "kernels/int8_activations.h"
#include "kernels/int8_tokens.h"
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
      for (size_t k = 0; k < x.count; k += 32) {
        const size_t block = (x.first + k) / 32;
        Int8Block rounded;
        round_to_int8<S>(x, t, k, rounded);
        memcpy(out + 32 * block, rounded.codes, 32);
        float* const numbers = reinterpret_cast<float*>(out + padded);
        numbers[block] = rounded.scale;
        numbers[padded / 32 + block] = rounded.sum;
        memcpy(numbers + 2 * (padded / 32 + block), rounded.half_sums, sizeof rounded.half_sums);
      }
    }
  }

  static void multiply(const Matrix& w, const uint8_t* packed, size_t tokens, float* y, size_t stride) {
    const size_t padded = padded_width(w.columns);
    const size_t token_bytes = Int8Tokens<1>::token_bytes(padded);
    size_t t = 0;
    if constexpr (kTokens > 1) {
      for (; t + kTokens <= tokens; t += kTokens) all_rows<kTokens>(w, packed + t * token_bytes, padded, y + t * stride, stride);
      for (; t + 2 <= tokens; t += 2) all_rows<2>(w, packed + t * token_bytes, padded, y + t * stride, stride);
    }
    for (; t < tokens; t++) all_rows<1>(w, packed + t * token_bytes, padded, y + t * stride, stride);
  }

  static constexpr Product product = {1, packed_bytes, pack, multiply};

 private:
  template <int T> static void all_rows(const Matrix& w, const uint8_t* packed, size_t padded, float* y, size_t stride) {
    size_t n = 0;
    if constexpr (T <= 2 && kRows > 1) {
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
      const size_t blocks = w.columns / 32;
      for (size_t first = 0; first < blocks; first += 8) {
        const size_t count = blocks - first < 8 ? blocks - first : 8;
        for (int r = 0; r < R; r++) {
          float factors[T][8];
          factors_of<Format, T>(w, n + static_cast<size_t>(r) * apart, count, Int8Tokens<T>{packed, padded, first}, sums[r], factors);
          const uint8_t* const at = row[r] + first * Format::kBytes;
          for (size_t line = 0; line < 8 * Format::kBytes; line += 64) __builtin_prefetch(at + kAhead + line);
          for (size_t i = 0; i < count; i++) {
            const auto codes = Format::template codes<S, 0>(at + i * Format::kBytes);
            const Int8Tokens<T> x{packed, padded, first + i};
            for (int t = 0; t < T; t++) sums[r].add(t, dot(codes, x.codes(t)), S::splat8(factors[t][i]));
          }
        }
      }
    } else {
      const size_t blocks = w.columns / Format::kElements;
      for (size_t b = 0; b < blocks; b++)
        for (int r = 0; r < R; r++) {
          const uint8_t* const at = row[r] + b * Format::kBytes;
          for (size_t line = 0; line < Format::kBytes; line += 64) __builtin_prefetch(at + kAhead + line);
          add_block<T>(at, Int8Tokens<T>{packed, padded, b * (Format::kElements / 32)}, sums[r]);
        }
    }
    for (int t = 0; t < T; t++)
      for (int r = 0; r < R; r++) y[static_cast<size_t>(t) * stride + static_cast<size_t>(r) * apart] = sums[r].of(t);
  }

  /** The products of 32 codes, in eight lanes. */
  static typename S::F8 dot(typename S::Bytes codes, const int8_t* x) {
    return Format::kCodes.has_sign() ? S::dot_signed(codes, S::load_bytes(x)) : S::dot_unsigned(codes, S::load_bytes(x));
  }

  /** The products of a block that has its scales inside. */
  template <int T> __attribute__((always_inline)) static void add_block(const uint8_t* b, const Int8Tokens<T>& x, Int8Sums<S, T>& sums) {
    constexpr size_t kParts = Format::kElements / 32;
    constexpr size_t kScales = Format::kElements / Format::kScaled;
    float scales[kScales], minima[kScales];
    Format::template scales<S>(b, scales, minima);
    float factors[T][kScales];
    for (int t = 0; t < T; t++) {
      if constexpr (kScales == 1) {
        factors[t][0] = scales[0] * x.scales(t)[0];
        if (Format::kHasMinima) sums.subtract(t, minima[0] * x.sums(t)[0]);
      } else {
        for (size_t i = 0; i < kScales; i += 8) {
          const auto x_scales = Format::kScaled == 32 ? S::load8(x.scales(t) + i) : S::load_twice(x.scales(t) + i / 2);
          S::store8(factors[t] + i, S::mul8(S::load8(scales + i), x_scales));
          const float* const x_sums = Format::kScaled == 32 ? x.sums(t) : x.half_sums(t);
          if (Format::kHasMinima) sums.subtract(t, S::load8(minima + i), S::load8(x_sums + i));
        }
      }
    }
    keep_in_memory(factors);
    for_parts<kParts>([&](auto part) {
      const auto codes = Format::template codes<S, part>(b);
      for (int t = 0; t < T; t++) {
        const float* const factor = factors[t] + part * kScales / kParts;
        sums.add(t, dot(codes, x.codes(t) + 32 * part), kScales > kParts ? S::splat_halves(factor) : S::splat8(*factor));
      }
    });
  }

  /** Otherwise GCC keeps factors in vectors and takes each out with two shuffles; a load spreads a number at no cost. */
  template <int T, size_t Count> static void keep_in_memory(float (&factors)[T][Count]) { asm("" : "+m"(factors)); }

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
