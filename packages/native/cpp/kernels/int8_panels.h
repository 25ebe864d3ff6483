#pragma once
// Products of quantised weights by activations in 8 bits, of many tokens: codes are copied into panels such that each lane of a vector
// has a row of weights of its own, and sums of a block are whole numbers. Fastest where a panel meets several tokens.

#include "formats/blocks.h"
#include "kernels/int8_activations.h"
#include "kernels/panel_product.h"
#include "kernels/table.h"

namespace mixtape {
namespace {

/** Panels of codes and their products, of all formats whose blocks of 32 have so many scales. `Dots` sums the products of codes. */
template <class S, class Dots, size_t Scales, bool HasMinima> struct CodePanels {
  static constexpr int kVectors = 2;
  static constexpr int kRows = kVectors * S::N;
  /** Tokens whose sums are kept in registers. */
  static constexpr int kTokens = S::kPanelTokens;
  /** Columns of a panel, which stays in the first-level cache, and its blocks of 32. */
  static constexpr size_t kDepth = 256;
  static constexpr size_t kBlocks = kDepth / 32;

  /** A block of 32 columns of packed tokens. */
  struct Tokens {
    uint32_t words[Dots::kWords * kTokens];
    float scales[kTokens];
    float sums[Scales * kTokens];
  };

  /** Unpacked rows of weights, one behind the other. */
  struct Rows {
    alignas(64) float words[kRows * kBlocks * Dots::kWords];
    alignas(64) float scales[kRows * kBlocks * Scales];
    alignas(64) float minima[kRows * kBlocks * Scales];
  };

  /** The same, transposed: the same number of all rows side by side. */
  struct Panel {
    alignas(64) float words[kBlocks * Dots::kWords * kRows];
    alignas(64) float scales[kBlocks * Scales * kRows];
    alignas(64) float minima[kBlocks * Scales * kRows];
  };

  /** Packs tokens [from, to) as Product describes. */
  static void pack(const Activations& x, size_t from, size_t to, size_t width, uint8_t* packed) {
    const size_t blocks = (width + 31) / 32;
    for (size_t first = from; first < to; first += kTokens)
      for (size_t k = 0; k < x.count; k += 32) {
        Tokens& block = reinterpret_cast<Tokens*>(packed)[first / kTokens * blocks + (x.first + k) / 32];
        for (size_t t = 0; t < kTokens; t++) {
          Int8Block rounded = {};
          if (first + t < to) round_to_int8<S>(x, first + t, k, rounded);
          uint32_t words[Dots::kWords];
          Dots::spread(S::load_bytes(rounded.codes), words);
          for (size_t i = 0; i < Dots::kWords; i++) block.words[i * kTokens + t] = words[i];
          block.scales[t] = rounded.scale;
          for (size_t i = 0; i < Scales; i++) block.sums[i * kTokens + t] = Scales == 1 ? rounded.sum : rounded.half_sums[i];
        }
      }
  }

  /** `count` rows, and of each `deep` blocks of 32; zeros behind the last row. */
  static void transpose(const Rows& rows, size_t count, size_t deep, Panel& panel) {
    transpose<Dots::kWords>(rows.words, count, deep, panel.words);
    transpose<Scales>(rows.scales, count, deep, panel.scales);
    if constexpr (HasMinima) transpose<Scales>(rows.minima, count, deep, panel.minima);
  }

  /** Adds the products of a panel by some tokens to `sums [kTokens, kRows]`. One function for all formats that share it. */
  __attribute__((noinline)) static void add(const Panel& panel, const Tokens* x, size_t deep, float* sums) {
    typename S::F total[kTokens][kVectors];
    for (int t = 0; t < kTokens; t++)
      for (int v = 0; v < kVectors; v++) total[t][v] = S::load(sums + t * kRows + v * S::N);
    const auto* words = reinterpret_cast<const uint32_t*>(panel.words);
    const float* scales = panel.scales;
    const float* minima = panel.minima;
    for (size_t block = 0; block < deep; block++, x++)
      for (size_t part = 0; part < Scales; part++, scales += kRows, minima += kRows) {
        constexpr int kWords = Dots::kWords / Scales;
        typename Dots::Ints dots[kVectors][kTokens];
        Dots::template sum<kVectors, kTokens, kWords>(words, x->words + part * kWords * kTokens, dots);
        words += kWords * kRows;
        for (int v = 0; v < kVectors; v++) {
          const auto scale = S::load(scales + v * S::N);
          for (int t = 0; t < kTokens; t++)
            total[t][v] = S::fma(Dots::to_floats(dots[v][t]), S::mul(scale, S::set(x->scales[t])), total[t][v]);
          if constexpr (HasMinima) {
            const auto minimum = S::load(minima + v * S::N);
            for (int t = 0; t < kTokens; t++) total[t][v] = S::fnma(minimum, S::set(x->sums[part * kTokens + t]), total[t][v]);
          }
        }
      }
    for (int t = 0; t < kTokens; t++)
      for (int v = 0; v < kVectors; v++) S::store(sums + t * kRows + v * S::N, total[t][v]);
  }

 private:
  template <size_t Numbers> static void transpose(const float* from, size_t count, size_t deep, float* to) {
    Panels<S>::template pack_along<Float32, kRows>(from, kBlocks * Numbers, count, deep * Numbers, to);
  }
};

template <class S, class Format> struct Int8Panels {
  using Dots = typename S::template Dots<Format::kCodes.largest - Format::kCodes.smallest>;
  /** Added to codes where products want none below zero; the minima make up for it. */
  static constexpr int kOffset = Dots::kHasSign ? 0 : -Format::kCodes.smallest;
  /** Scales of 32 numbers. */
  static constexpr size_t kScales = 32 / Format::kScaled;
  using Code = CodePanels<S, Dots, kScales, Format::kHasMinima || (kOffset > 0)>;
  using Tokens = typename Code::Tokens;
  static constexpr int kRows = Code::kRows;
  static constexpr int kTokens = Code::kTokens;
  /** Tokens that meet all panels of some rows before they meet the next ones: their sums stay in the first-level cache too. */
  static constexpr size_t kTogether = 96;

  static size_t packed_bytes(size_t tokens, size_t width) {
    return (tokens + kTokens - 1) / kTokens * ((width + 31) / 32) * sizeof(Tokens);
  }

  static void pack(const Activations& x, size_t from, size_t to, size_t, size_t width, uint8_t* packed) {
    Code::pack(x, from, to, width, packed);
  }

  static void multiply(const Matrix& w, const uint8_t* packed, size_t tokens, float* y, size_t stride) {
    const size_t blocks = w.columns / 32;
    const auto* const x = reinterpret_cast<const Tokens*>(packed);
    typename Code::Rows rows;
    typename Code::Panel panel;
    alignas(64) float sums[kTogether * kRows];
    for (size_t n = 0; n < w.rows; n += kRows) {
      const size_t count = w.rows - n < kRows ? w.rows - n : kRows;
      for (size_t t = 0; t < tokens; t += kTogether) {
        const size_t some = tokens - t < kTogether ? tokens - t : kTogether;
        memset(sums, 0, sizeof sums);
        for (size_t block = 0; block < blocks; block += Code::kBlocks) {
          const size_t deep = blocks - block < Code::kBlocks ? blocks - block : Code::kBlocks;
          for (size_t r = 0; r < count; r++) unpack(w, n + r, block, deep, r * Code::kBlocks, rows);
          Code::transpose(rows, count, deep, panel);
          for (size_t i = 0; i < some; i += kTokens) Code::add(panel, x + (t + i) / kTokens * blocks + block, deep, sums + i * kRows);
        }
        for (size_t i = 0; i < some; i++) memcpy(y + (t + i) * stride + n, sums + i * kRows, count * sizeof *y);
      }
    }
  }

  static constexpr Product product = {kTokens, packed_bytes, pack, multiply};

 private:
  /** Some blocks of a row, to those from `to` on. */
  static void unpack(const Matrix& w, size_t row, size_t block, size_t deep, size_t to, typename Code::Rows& rows) {
    constexpr size_t kParts = Format::kElements / 32;
    constexpr size_t kAhead = bytes_of(Format::dtype, Code::kDepth);
    const uint8_t* at = w.row(row) + bytes_of(Format::dtype, 32 * block);
    auto* words = reinterpret_cast<uint32_t*>(rows.words) + to * Dots::kWords;
    float* scales = rows.scales + to * kScales;
    float* minima = rows.minima + to * kScales;
    for (size_t i = 0; i < deep; i += kParts, at += Format::kBytes) {
      for (size_t line = 0; line < Format::kBytes; line += 64) __builtin_prefetch(at + kAhead + line);
      for_parts<kParts>([&](auto part) {
        const auto codes = Format::template codes<S, part>(at);
        Dots::spread(kOffset > 0 ? S::add_bytes(codes, S::fill_bytes(kOffset)) : codes, words);
        words += Dots::kWords;
      });
      if constexpr (is_planar(Format::dtype)) {
        *scales = scale_at(w, row, (block + i) * 32 / w.scales.group);
        *minima = Format::kOffset * *scales;
      } else {
        Format::template scales<S>(at, scales, minima);
      }
      for (size_t part = 0; part < kParts * kScales; part++, scales++, minima++)
        if constexpr (kOffset > 0) *minima = kOffset * *scales + (Format::kHasMinima ? *minima : 0);
    }
  }
};

}  // namespace
}  // namespace mixtape
