#pragma once
// Attention of one query, for decoding: all work is reading keys and values, once for all heads that share them.

#include <string.h>

#include "formats/formats.h"
#include "kernels/attention_types.h"
#include "kernels/exp2.h"

namespace mixtape {
namespace {

template <class S, class Format> class AttendOne {
  using Element = typename Format::Element;
  using F = typename S::F;

  /** Slots whose scores are held. */
  static constexpr size_t kTile = 32;
  /** Sums that are kept in registers. */
  static constexpr int kSums = S::N == 8 ? 8 : 16;
  static constexpr int kHeads = 4;
  static constexpr int across(int heads) { return kSums / heads < 8 ? kSums / heads : 8; }

  struct Tile {
    const Element* keys;
    const Element* values;
    size_t count;
    const int32_t* tokens;
  };

 public:
  static void run(const Queries& all, size_t query, size_t from, size_t to, float* states) {
    const KeyValues& slots = *all.slots;
    const size_t size = state_size(slots.width);
    for (size_t head = 0; head < all.heads; head++) {
      float* const state = states + head * size;
      for (size_t i = 0; i < size; i++) state[i] = 0;
      state[slots.width] = -__builtin_inff();
    }
    for (size_t slot = from; slot < to;) {
      const size_t place = slots.first + slot;
      const size_t in_block = place % slots.block;
      const size_t run = slots.block - in_block;
      const size_t most = run < kTile ? run : kTile;
      const size_t offset = (all.lane * slots.block + in_block) * slots.width;
      Tile tile;
      tile.keys = reinterpret_cast<const Element*>(slots.keys[place / slots.block]) + offset;
      tile.values = reinterpret_cast<const Element*>(slots.values[place / slots.block]) + offset;
      tile.count = to - slot < most ? to - slot : most;
      tile.tokens = all.tokens ? all.tokens + slot : nullptr;
      all_heads(all, query, tile, states);
      slot += tile.count;
    }
  }

 private:
  static void all_heads(const Queries& all, size_t query, const Tile& tile, float* states) {
    size_t head = 0;
    for (; head + kHeads <= all.heads; head += kHeads) some_heads<kHeads>(all, query, head, tile, states);
    for (; head + 2 <= all.heads; head += 2) some_heads<2>(all, query, head, tile, states);
    for (; head < all.heads; head++) some_heads<1>(all, query, head, tile, states);
  }

  template <int H>
  static void some_heads(const Queries& all, size_t query, size_t head, const Tile& tile, float* states) {
    const size_t width = all.slots->width;
    const size_t size = state_size(width);
    float* const state = states + head * size;
    float scores[H * kTile];
    float faded[H];
    scores_of<H>(all.q + (head * all.count + query) * width, all.count * width, tile, width, head == 0, scores);
    for (int h = 0; h < H; h++) faded[h] = softmax(scores + h * kTile, tile, all.scale, state + h * size + width);
    mix<H>(scores, faded, tile, width, head == 0, state, size);
  }

  template <int H>
  static void scores_of(const float* q, size_t stride, const Tile& tile, size_t width, bool is_first, float* scores) {
    constexpr int K = across(H);
    size_t key = 0;
    for (; key + K <= tile.count; key += K) {
      if (is_first) prefetch(tile.values + key * width, K * width);
      dots<H, K>(q, stride, tile.keys + key * width, width, scores + key);
    }
    for (; key < tile.count; key++) dots<H, 1>(q, stride, tile.keys + key * width, width, scores + key);
  }

  /**
   * Into the cache, a tile before it is used: keys and values lie in two places, and the processor's own guesses do not keep up
   * with the memory.
   */
  static void prefetch(const Element* x, size_t count) {
    const auto* const from = reinterpret_cast<const char*>(x);
    for (size_t i = 0; i < count * sizeof *x; i += 64) __builtin_prefetch(from + i, 0, 3);
  }

  template <int H, int K>
  static void dots(const float* q, size_t stride, const Element* keys, size_t width, float* scores) {
    F sums[H][K];
    for (int h = 0; h < H; h++)
      for (int k = 0; k < K; k++) sums[h][k] = S::zero();
    size_t i = 0;
    for (; i + S::N <= width; i += S::N) {
      F key[K];
      for (int k = 0; k < K; k++) key[k] = Format::template load<S>(keys + k * width + i);
      for (int h = 0; h < H; h++) {
        const F query = S::load(q + h * stride + i);
        for (int k = 0; k < K; k++) sums[h][k] = S::fma(query, key[k], sums[h][k]);
      }
    }
    if (i < width) {
      for (int k = 0; k < K; k++) {
        const F key = load_some<S, Format>(keys + k * width + i, width - i);
        for (int h = 0; h < H; h++)
          sums[h][k] = S::fma(load_some<S, Float32>(q + h * stride + i, width - i), key, sums[h][k]);
      }
    }
    if constexpr (H * K % S::N == 0) {
      float all[H * K];
      for (int s = 0; s < H * K; s += S::N) S::store(all + s, S::sums(&sums[0][0] + s));
      for (int h = 0; h < H; h++) memcpy(scores + h * kTile, all + h * K, K * sizeof *scores);
    } else {
      for (int h = 0; h < H; h++)
        for (int k = 0; k < K; k++) scores[h * kTile + k] = S::sum(sums[h][k]);
    }
  }

  /**
   * Makes scores weights; `seen`, the largest score and the sum of weights, counts this tile too then.
   * @returns how much what was summed before weighs now
   */
  static float softmax(float* scores, const Tile& tile, float scale, float* seen) {
    const F factor = S::set(scale * kLog2E);
    const size_t padded = (tile.count + S::N - 1) / S::N * S::N;
    for (size_t i = tile.count; i < padded; i++) scores[i] = 0;
    F largest = S::set(seen[0]);
    for (size_t i = 0; i < padded; i += S::N) S::store(scores + i, S::mul(S::load(scores + i), factor));
    for (size_t i = tile.count; i < padded; i++) scores[i] = -__builtin_inff();
    if (tile.tokens)
      for (size_t i = 0; i < tile.count; i++)
        if (tile.tokens[i] == 0) scores[i] = -__builtin_inff();
    // A score that is not a number comes first: the largest is that of the numbers.
    for (size_t i = 0; i < padded; i += S::N) largest = S::max(S::load(scores + i), largest);
    const F before = S::set(seen[0]);
    seen[0] = S::largest(largest);
    const F reference = reference_of<S>(S::set(seen[0]));
    F sum = S::zero();
    for (size_t i = 0; i < padded; i += S::N) {
      const F weight = exp2<S>(S::sub(S::load(scores + i), reference));
      sum = S::add(sum, weight);
      S::store(scores + i, weight);
    }
    float faded[S::N];
    S::store(faded, exp2<S>(S::sub(before, reference)));
    seen[1] = seen[1] * faded[0] + S::sum(sum);
    return faded[0];
  }

  template <int H>
  static void mix(const float* weights, const float* faded, const Tile& tile, size_t width, bool is_first, float* out,
                  size_t stride) {
    constexpr int W = across(H);
    size_t i = 0;
    for (; i + W * S::N <= width; i += W * S::N) columns<H, W>(weights, faded, tile, width, i, is_first && i == 0, out, stride);
    for (; i + S::N <= width; i += S::N) columns<H, 1>(weights, faded, tile, width, i, false, out, stride);
    if (i < width) last_columns<H>(weights, faded, tile, width, i, out, stride);
  }

  template <int H, int W>
  static void columns(const float* weights, const float* faded, const Tile& tile, size_t width, size_t i, bool is_first,
                      float* out, size_t stride) {
    F sums[H][W];
    for (int h = 0; h < H; h++)
      for (int w = 0; w < W; w++) sums[h][w] = S::mul(S::load(out + h * stride + i + w * S::N), S::set(faded[h]));
    for (size_t key = 0; key < tile.count; key++) {
      if (is_first) prefetch(tile.keys + (tile.count + key) * width, width);
      F value[W];
      for (int w = 0; w < W; w++) value[w] = Format::template load<S>(tile.values + key * width + i + w * S::N);
      for (int h = 0; h < H; h++) {
        const F weight = S::set(weights[h * kTile + key]);
        for (int w = 0; w < W; w++) sums[h][w] = S::fma(weight, value[w], sums[h][w]);
      }
    }
    for (int h = 0; h < H; h++)
      for (int w = 0; w < W; w++) S::store(out + h * stride + i + w * S::N, sums[h][w]);
  }

  template <int H>
  static void last_columns(const float* weights, const float* faded, const Tile& tile, size_t width, size_t i, float* out,
                           size_t stride) {
    const size_t rest = width - i;
    F sums[H];
    for (int h = 0; h < H; h++) sums[h] = S::mul(load_some<S, Float32>(out + h * stride + i, rest), S::set(faded[h]));
    for (size_t key = 0; key < tile.count; key++) {
      const F value = load_some<S, Format>(tile.values + key * width + i, rest);
      for (int h = 0; h < H; h++) sums[h] = S::fma(S::set(weights[h * kTile + key]), value, sums[h]);
    }
    for (int h = 0; h < H; h++) store_some<S>(out + h * stride + i, sums[h], rest);
  }
};

template <class S> void attend_one(const Queries& all, size_t query, size_t from, size_t to, float* states) {
  if (all.slots->dtype == Dtype::bfloat16) return AttendOne<S, Bfloat16>::run(all, query, from, to, states);
  AttendOne<S, Float32>::run(all, query, from, to, states);
}

template <class S> void join_states(const float* states, size_t parts, size_t stride, size_t width, float* out) {
  float largest = -__builtin_inff();
  for (size_t part = 0; part < parts; part++) {
    const float here = states[part * stride + width];
    if (here > largest) largest = here;
  }
  const typename S::F reference = reference_of<S>(S::set(largest));
  float total = 0;
  for (size_t i = 0; i < width; i++) out[i] = 0;
  for (size_t part = 0; part < parts; part++) {
    const float* const state = states + part * stride;
    float faded[S::N];
    S::store(faded, exp2<S>(S::sub(S::set(state[width]), reference)));
    total += faded[0] * state[width + 1];
    for (size_t i = 0; i < width; i++) out[i] += faded[0] * state[i];
  }
  for (size_t i = 0; i < width; i++) out[i] /= total;
}

}  // namespace
}  // namespace mixtape
