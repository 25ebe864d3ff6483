#pragma once
// Attention of one query, for decoding: all work is reading keys and values, once for all heads that share them.

#include <string.h>

#include "formats/formats.h"
#include "kernels/attention_types.h"
#include "kernels/exp2.h"
#include "kernels/key_values.h"
#include "kernels/runs.h"

namespace mixtape {
namespace {

template <class S, class Format> class AttendOne {
  using Element = typename Format::Element;
  using F = typename S::F;

  /** Positions whose scores are held. */
  static constexpr size_t kTile = 32;
  /** Sums that are kept in registers. */
  static constexpr int kSums = S::N == 8 ? 8 : 16;
  static constexpr int kHeads = 4;
  static constexpr int across(int heads) { return kSums / heads < 8 ? kSums / heads : 8; }

  /**
   * Ranges of positions that are read side by side: processors foresee a stream within a page of memory only, and several
   * streams hide each other's page ends.
   */
  static constexpr size_t kStreams = 4;
  /** Numbers of a cache line. */
  static constexpr size_t kLine = 64 / sizeof(Element);

  /** Positions whose scores are held, one of each stream in turn. */
  struct Tile {
    const Element* keys[kTile];
    const Element* values[kTile];
    /** Of formats that have them. */
    float key_scales[kTile];
    float value_scales[kTile];
    bool is_token[kTile];
    size_t count = 0;
  };

  /** Positions one after the other. */
  struct Stream {
    size_t position;
    size_t end;
    Run run = {nullptr, nullptr, 0};

    void next(const Queries& all, Tile& tile) {
      const size_t key_bytes = all.kv->width * sizeof(Element);
      const size_t value_bytes = all.kv->value_stride * sizeof(Element);
      if (run.count == 0) run = run_of(*all.kv, all.lane, position, end - position);
      tile.keys[tile.count] = reinterpret_cast<const Element*>(run.keys);
      tile.values[tile.count] = reinterpret_cast<const Element*>(run.values);
      tile.is_token[tile.count] = !all.tokens || all.tokens[position] != 0;
      if constexpr (kHasScale<Format>) {
        tile.key_scales[tile.count] = *run.key_scales++;
        tile.value_scales[tile.count] = *run.value_scales++;
      }
      tile.count++;
      run.keys += key_bytes;
      run.values += value_bytes;
      run.count--;
      position++;
    }
  };

 public:
  static void run(const Queries& all, size_t query, size_t from, size_t to, float* states) {
    const size_t width = all.kv->value_width;
    const size_t size = state_size(width);
    for (size_t head = 0; head < all.heads; head++) {
      float* const state = states + head * size;
      for (size_t i = 0; i < size; i++) state[i] = 0;
      state[width] = -__builtin_inff();
    }
    const size_t apart = (to - from + kStreams - 1) / kStreams;
    Stream streams[kStreams];
    for (size_t s = 0; s < kStreams; s++) {
      streams[s].position = from + s * apart < to ? from + s * apart : to;
      streams[s].end = to - streams[s].position < apart ? to : streams[s].position + apart;
    }
    for (size_t done = 0; done < to - from;) {
      Tile tile;
      while (tile.count + kStreams <= kTile && streams[0].position < streams[0].end)
        for (Stream& stream : streams)
          if (stream.position < stream.end) stream.next(all, tile);
      all_heads(all, query, tile, states);
      done += tile.count;
    }
  }

 private:
  static void all_heads(const Queries& all, size_t query, const Tile& tile, float* states) {
    size_t head = 0;
    for (; head + kHeads <= all.heads; head += kHeads) some_heads<kHeads>(all, query, head, tile, states);
    // Where arithmetic is the bound, three at a time save turning codes into numbers twice.
    if constexpr (kHasScale<Format>)
      for (; head + 3 <= all.heads; head += 3) some_heads<3>(all, query, head, tile, states);
    for (; head + 2 <= all.heads; head += 2) some_heads<2>(all, query, head, tile, states);
    for (; head < all.heads; head++) some_heads<1>(all, query, head, tile, states);
  }

  template <int H>
  static void some_heads(const Queries& all, size_t query, size_t head, const Tile& tile, float* states) {
    const size_t width = all.kv->width;
    const size_t value_width = all.kv->value_width;
    const size_t size = state_size(value_width);
    float* const state = states + head * size;
    float scores[H * kTile];
    float rescale[H];
    scores_of<H>(all.q + (head * all.count + query) * width, all.count * width, tile, width, scores);
    if constexpr (kHasScale<Format>) multiply<H>(scores, tile.key_scales, tile.count);
    for (int h = 0; h < H; h++) rescale[h] = softmax(scores + h * kTile, tile, all.scale, state + h * size + value_width);
    if constexpr (kHasScale<Format>) multiply<H>(scores, tile.value_scales, tile.count);
    accumulate<H>(scores, rescale, tile, *all.kv, state, size);
  }

  /** Codes are multiplied as numbers, and their scales come to the scores, and to the weights. */
  template <int H> static void multiply(float* numbers, const float* scales, size_t count) {
    for (int h = 0; h < H; h++)
      for (size_t i = 0; i < count; i++) numbers[h * kTile + i] *= scales[i];
  }

  template <int H>
  static void scores_of(const float* q, size_t stride, const Tile& tile, size_t width, float* scores) {
    constexpr int K = across(H);
    size_t key = 0;
    for (; key + K <= tile.count; key += K) {
      dots<H, K>(q, stride, tile.keys + key, width, scores + key);
    }
    for (; key < tile.count; key++) dots<H, 1>(q, stride, tile.keys + key, width, scores + key);
  }

  /** Fetches what the same stream has at this place in the next tile; reading beyond its end is harmless. */
  static void prefetch(const Element* x, size_t stride) { __builtin_prefetch(x + kTile / kStreams * stride); }

  template <int H, int K>
  static void dots(const float* q, size_t stride, const Element* const* keys, size_t width, float* scores) {
    F sums[H][K];
    for (int h = 0; h < H; h++)
      for (int k = 0; k < K; k++) sums[h][k] = S::zero();
    size_t i = 0;
    for (; i + S::N <= width; i += S::N) {
      F key[K];
      for (int k = 0; k < K; k++) {
        if (i % kLine == 0) prefetch(keys[k] + i, width);
        key[k] = Format::template load<S>(keys[k] + i);
      }
      for (int h = 0; h < H; h++) {
        const F query = S::load(q + h * stride + i);
        for (int k = 0; k < K; k++) sums[h][k] = S::fma(query, key[k], sums[h][k]);
      }
    }
    if (i < width) {
      for (int k = 0; k < K; k++) {
        const F key = load_some<S, Format>(keys[k] + i, width - i);
        for (int h = 0; h < H; h++)
          sums[h][k] = S::fma(load_some<S, Float32>(q + h * stride + i, width - i), key, sums[h][k]);
      }
    }
    if constexpr (K > 1) {
      constexpr int kPadded = (H * K + S::N - 1) / S::N * S::N;
      float all[kPadded];
      F padded[kPadded];
      for (int s = 0; s < kPadded; s++) padded[s] = s < H * K ? sums[s / K][s % K] : S::zero();
      for (int s = 0; s < kPadded; s += S::N) S::store(all + s, S::sums(padded + s));
      for (int h = 0; h < H; h++) memcpy(scores + h * kTile, all + h * K, K * sizeof *scores);
    } else {
      for (int h = 0; h < H; h++)
        for (int k = 0; k < K; k++) scores[h * kTile + k] = S::sum(sums[h][k]);
    }
  }

  /**
   * Makes scores weights; `seen`, the largest score and the sum of weights, counts this tile too then.
   * @returns the factor of what was summed before
   */
  static float softmax(float* scores, const Tile& tile, float scale, float* seen) {
    const F factor = S::set(scale * kLog2E);
    const size_t padded = (tile.count + S::N - 1) / S::N * S::N;
    for (size_t i = tile.count; i < padded; i++) scores[i] = 0;
    F largest = S::set(seen[0]);
    for (size_t i = 0; i < padded; i += S::N) S::store(scores + i, S::mul(S::load(scores + i), factor));
    for (size_t i = tile.count; i < padded; i++) scores[i] = -__builtin_inff();
    for (size_t i = 0; i < tile.count; i++)
      if (!tile.is_token[i]) scores[i] = -__builtin_inff();
    // A score that is not a number comes first: the largest is that of the numbers.
    for (size_t i = 0; i < padded; i += S::N) largest = S::max(S::load(scores + i), largest);
    const F before = S::set(seen[0]);
    seen[0] = S::reduce_max(largest);
    const F reference = reference_of<S>(S::set(seen[0]));
    F sum = S::zero();
    for (size_t i = 0; i < padded; i += S::N) {
      const F weight = exp2<S>(S::sub(S::load(scores + i), reference));
      sum = S::add(sum, weight);
      S::store(scores + i, weight);
    }
    float rescale[S::N];
    S::store(rescale, exp2<S>(S::sub(before, reference)));
    seen[1] = seen[1] * rescale[0] + S::sum(sum);
    return rescale[0];
  }

  template <int H>
  static void accumulate(const float* weights, const float* rescale, const Tile& tile, const KeyValues& kv, float* out,
                  size_t stride) {
    constexpr int W = across(H);
    const size_t width = kv.value_width, apart = kv.value_stride;
    size_t i = 0;
    for (; i + W * S::N <= width; i += W * S::N) columns<H, W>(weights, rescale, tile, apart, i, out, stride);
    for (; i + S::N <= width; i += S::N) columns<H, 1>(weights, rescale, tile, apart, i, out, stride);
    if (i < width) last_columns<H>(weights, rescale, tile, width, i, out, stride);
  }

  template <int H, int W>
  static void columns(const float* weights, const float* rescale, const Tile& tile, size_t apart, size_t i, float* out,
                      size_t stride) {
    F sums[H][W];
    for (int h = 0; h < H; h++)
      for (int w = 0; w < W; w++) sums[h][w] = S::mul(S::load(out + h * stride + i + w * S::N), S::set(rescale[h]));
    for (size_t key = 0; key < tile.count; key++) {
      F value[W];
      for (int w = 0; w < W; w++) {
        const size_t at = i + w * S::N;
        if (at % kLine == 0) prefetch(tile.values[key] + at, apart);
        value[w] = Format::template load<S>(tile.values[key] + at);
      }
      for (int h = 0; h < H; h++) {
        const F weight = S::set(weights[h * kTile + key]);
        for (int w = 0; w < W; w++) sums[h][w] = S::fma(weight, value[w], sums[h][w]);
      }
    }
    for (int h = 0; h < H; h++)
      for (int w = 0; w < W; w++) S::store(out + h * stride + i + w * S::N, sums[h][w]);
  }

  template <int H>
  static void last_columns(const float* weights, const float* rescale, const Tile& tile, size_t width, size_t i, float* out,
                           size_t stride) {
    const size_t rest = width - i;
    F sums[H];
    for (int h = 0; h < H; h++) sums[h] = S::mul(load_some<S, Float32>(out + h * stride + i, rest), S::set(rescale[h]));
    for (size_t key = 0; key < tile.count; key++) {
      const F value = load_some<S, Format>(tile.values[key] + i, rest);
      for (int h = 0; h < H; h++) sums[h] = S::fma(S::set(weights[h * kTile + key]), value, sums[h]);
    }
    for (int h = 0; h < H; h++) store_some<S>(out + h * stride + i, sums[h], rest);
  }
};

template <class S> void attend_one(const Queries& all, size_t query, size_t from, size_t to, float* states) {
  with_key_value_format(all.kv->dtype, [&](auto format) { AttendOne<S, decltype(format)>::run(all, query, from, to, states); });
}

template <class S>
void merge_states(const float* states, size_t parts, size_t stride, size_t width, float sink, float* out) {
  float largest = sink * kLog2E;
  for (size_t part = 0; part < parts; part++) {
    const float here = states[part * stride + width];
    if (here > largest) largest = here;
  }
  const typename S::F reference = reference_of<S>(S::set(largest));
  float total[S::N];
  S::store(total, exp2<S>(S::sub(S::set(sink * kLog2E), reference)));
  for (size_t i = 0; i < width; i++) out[i] = 0;
  for (size_t part = 0; part < parts; part++) {
    const float* const state = states + part * stride;
    float rescale[S::N];
    S::store(rescale, exp2<S>(S::sub(S::set(state[width]), reference)));
    total[0] += rescale[0] * state[width + 1];
    for (size_t i = 0; i < width; i++) out[i] += rescale[0] * state[i];
  }
  for (size_t i = 0; i < width; i++) out[i] /= total[0];
}

}  // namespace
}  // namespace mixtape
