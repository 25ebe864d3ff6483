#pragma once
// Attention of many queries, for prefill: two products with a softmax between, tile by tile of positions, so that scores never
// leave the cache. Queries are in the lanes of vectors (transposed once), keys and values are broadcast in place; what
// softmax needs of all positions of a query, its largest score and its sum, is then one lane's affair.

#include "formats/formats.h"
#include "kernels/attention_types.h"
#include "kernels/attention_units.h"
#include "kernels/exp2.h"

namespace mixtape {
namespace {

/** @tparam U the units that are multiplied: numbers, or pairs of bfloat16 */
template <class S, class U> class AttendMany {
  using F = typename S::F;
  using Unit = typename U::Unit;

  static constexpr int kVectors = U::kVectors;
  static constexpr size_t kTile = U::kTile;

  /** A panel of queries: what is theirs, in the order in which memory holds it. */
  struct Panel {
    Unit* queries;    // [units of the width, kPanel]
    float* sums;      // [value width, kPanel]: Σ weight · value
    float* largest;   // [kPanel]
    float* total;     // [kPanel]: Σ weight
    size_t from;      // first query vector
    size_t count;
  };

  struct Buffers {
    Unit* keys;
    Unit* values;
    float* scores;
    Unit* weights;
    size_t panels;
    uint8_t* of_panels;
  };

  static size_t panel_bytes(const KeyValues& kv) {
    return (U::units(kv.width) * sizeof(Unit) + (U::sums(kv.value_width) + 2) * sizeof(float)) * kPanel;
  }

 public:
  /** Queries of a panel: what the registers hold the sums of. */
  static constexpr size_t kPanel = kVectors * S::N;

  static size_t panels_of(size_t rows) { return (rows + kPanel - 1) / kPanel; }

  static size_t scratch_bytes(size_t rows, const KeyValues& kv) {
    const size_t tile = U::keys_units(kv.width) + U::values_units(kv.value_width) + U::kWeightsUnits;
    return tile * sizeof(Unit) + kTile * kPanel * sizeof(float) + panels_of(rows) * panel_bytes(kv);
  }

  static void run(const Queries& all, const QueryShare& share, uint8_t* scratch) {
    const KeyValues& kv = *all.kv;
    const Buffers buffers = divide(scratch, kv);
    const size_t panels = panels_of(share.to - share.from);
    for (size_t p = 0; p < panels; p++) start(all, panel_at(buffers, share, kv, p));
    [[maybe_unused]] const typename U::Session session;
    for (size_t position = share.first_position; position < share.last_position;) {
      const size_t most = share.last_position - position;
      const size_t count = most < kTile ? most : kTile;
      if (!is_padding(all, position, count)) one_tile(all, share, buffers, position, count);
      position += count;
    }
    for (size_t p = 0; p < panels; p++) finish(all, share, panel_at(buffers, share, kv, p));
  }

 private:
  static Buffers divide(uint8_t* scratch, const KeyValues& kv) {
    Buffers b;
    b.keys = reinterpret_cast<Unit*>(scratch);
    b.values = b.keys + U::keys_units(kv.width);
    b.weights = b.values + U::values_units(kv.value_width);
    b.scores = reinterpret_cast<float*>(b.weights + U::kWeightsUnits);
    b.of_panels = reinterpret_cast<uint8_t*>(b.scores + kTile * kPanel);
    return b;
  }

  static Panel panel_at(const Buffers& buffers, const QueryShare& share, const KeyValues& kv, size_t p) {
    Panel panel;
    panel.queries = reinterpret_cast<Unit*>(buffers.of_panels + p * panel_bytes(kv));
    panel.sums = reinterpret_cast<float*>(panel.queries + U::units(kv.width) * kPanel);
    panel.largest = panel.sums + U::sums(kv.value_width) * kPanel;
    panel.total = panel.largest + kPanel;
    panel.from = share.from + p * kPanel;
    panel.count = share.to - panel.from < kPanel ? share.to - panel.from : kPanel;
    return panel;
  }

  static const float* query(const Queries& all, size_t row) {
    return all.q + (row % all.heads * all.count + row / all.heads) * all.kv->width;
  }

  /** Position of a query. */
  static size_t position_of(const Queries& all, size_t row) { return all.kv->length - all.count + row / all.heads; }

  static void start(const Queries& all, const Panel& panel) {
    const size_t width = all.kv->width;
    const F factor = S::set(all.scale * kLog2E);
    const size_t numbers = U::units(width) * U::kNumbers;
    for (size_t n = 0; n < kPanel; n += S::N)
      for (size_t i = 0; i < numbers; i += S::N) {
        F rows[S::N];
        for (size_t lane = 0; lane < S::N; lane++) {
          // Lanes without a query repeat the last one; nobody reads them.
          const size_t row = n + lane < panel.count ? n + lane : panel.count - 1;
          const size_t left = i < width ? width - i : 0;
          const float* const from = query(all, panel.from + row) + i;
          rows[lane] = S::mul(left >= S::N ? S::load(from) : load_some<S, Float32>(from, left), factor);
        }
        S::transpose(rows);
        for (size_t k = 0; k < S::N && i + k < numbers; k += U::kNumbers)
          U::put_queries(panel.queries + (i + k) / U::kNumbers * kPanel + n, rows + k);
      }
    for (size_t i = 0; i < U::sums(all.kv->value_width) * kPanel; i++) panel.sums[i] = 0;
    for (size_t n = 0; n < kPanel; n++) {
      panel.largest[n] = -__builtin_inff();
      panel.total[n] = 0;
    }
  }

  static bool is_padding(const Queries& all, size_t position, size_t count) {
    if (!all.tokens) return false;
    for (size_t i = 0; i < count; i++)
      if (all.tokens[position + i] != 0) return false;
    return true;
  }

  static void one_tile(const Queries& all, const QueryShare& share, const Buffers& buffers, size_t position, size_t count) {
    const size_t width = all.kv->width, value_width = all.kv->value_width;
    const Unit* const keys = U::pack(*all.kv, all.lane, position, count, buffers.keys, buffers.values);
    const TileValues values = {*all.kv, all.lane, position, count};
    const size_t panels = panels_of(share.to - share.from);
    for (size_t p = 0; p < panels; p++) {
      const Panel panel = panel_at(buffers, share, *all.kv, p);
      const size_t first = position_of(all, panel.from);
      const size_t last = position_of(all, panel.from + panel.count - 1);
      // What none of these queries sees is not computed.
      const size_t visible = all.first_visible(first);
      if (last < position || visible >= position + count) continue;
      const size_t from = visible > position ? (visible - position) / U::kAlign * U::kAlign : 0;
      const size_t to = last + 1 - position < count ? last + 1 - position : count;
      U::scores(keys, panel.queries, from, to, width, buffers.scores);
      const bool is_whole = first + 1 >= position + to && all.first_visible(last) <= position + from;
      if (!is_whole) mask(all, panel, position, from, to, buffers.scores);
      if (all.tokens) mask_padding(all.tokens + position, from, to, buffers.scores);
      F rescale[kVectors];
      softmax(panel, from, to, buffers.scores, buffers.weights, rescale);
      // Whole, and no position behind that is paired with what is seen.
      if ((is_whole && to == count && !all.tokens) || values.are_finite())
        U::accumulate(buffers.values, buffers.scores, buffers.weights, from, to, value_width, rescale, panel.sums);
      else
        accumulate_visible(values, buffers.scores, from, to, rescale, panel.sums);
    }
  }

  /** Scores of positions that come after their query, or before its window, become −∞. */
  static void mask(const Queries& all, const Panel& panel, size_t position, size_t from, size_t to, float* scores) {
    float first[kPanel];
    float last[kPanel];
    for (size_t n = 0; n < kPanel; n++) {
      const size_t own = position_of(all, panel.from + (n < panel.count ? n : panel.count - 1));
      const size_t visible = all.first_visible(own);
      first[n] = within_tile(visible, position);
      last[n] = within_tile(own + 1, position);
    }
    const F masked = S::set(-__builtin_inff());
    for (size_t key = from; key < to; key++) {
      const F here = S::set(static_cast<float>(key));
      float* const row = scores + key * kPanel;
      for (size_t n = 0; n < kPanel; n += S::N) {
        const F seen = S::select_less(here, S::load(last + n), S::load(row + n), masked);
        S::store(row + n, S::select_less(here, S::load(first + n), masked, seen));
      }
    }
  }

  static float within_tile(size_t position, size_t start) {
    const size_t offset = position > start ? position - start : 0;
    return static_cast<float>(offset < kTile ? offset : kTile);
  }

  static void mask_padding(const int32_t* tokens, size_t from, size_t to, float* scores) {
    const F masked = S::set(-__builtin_inff());
    for (size_t key = from; key < to; key++)
      if (tokens[key] == 0)
        for (size_t n = 0; n < kPanel; n += S::N) S::store(scores + key * kPanel + n, masked);
  }

  /** Weights of a tile, as numbers in `scores` and as units. `rescale` is the factor of what was summed before. */
  static void softmax(const Panel& panel, size_t from, size_t to, float* scores, Unit* weights, F* rescale) {
    for (int c = 0; c < kVectors; c++) {
      float* const column = scores + c * S::N;
      const F before = S::load(panel.largest + c * S::N);
      const F largest = max_of(column, from, to, before);
      const F reference = reference_of<S>(largest);
      F totals[2] = {S::zero(), S::zero()};
      size_t key = from;
      for (; key < to; key += 2) {
        F weight[2] = {S::zero(), S::zero()};
        for (size_t k = 0; k < 2 && key + k < to; k++) {
          float* const score = column + (key + k) * kPanel;
          weight[k] = exp2<S, U::kFine>(S::sub(S::load(score), reference));
          totals[k] = S::add(totals[k], weight[k]);
          S::store(score, weight[k]);
        }
        U::put_weights(weights, key, c * S::N, weight);
      }
      rescale[c] = exp2<S>(S::sub(before, reference));
      S::store(panel.largest + c * S::N, largest);
      const F total = S::add(totals[0], totals[1]);
      S::store(panel.total + c * S::N, S::fma(S::load(panel.total + c * S::N), rescale[c], total));
    }
    U::end_weights(weights, to);
  }

  static F max_of(const float* column, size_t from, size_t to, F before) {
    // Several at a time, since each waits for the one before. A score that is not a number comes first: the largest is that of
    // the numbers.
    F largest[4] = {before, before, before, before};
    size_t key = from;
    for (; key + 4 <= to; key += 4)
      for (size_t k = 0; k < 4; k++) largest[k] = S::max(S::load(column + (key + k) * kPanel), largest[k]);
    for (; key < to; key++) largest[0] = S::max(S::load(column + key * kPanel), largest[0]);
    return S::max(S::max(largest[0], largest[1]), S::max(largest[2], largest[3]));
  }

  /** As `accumulate`, but what a query does not see is left out rather than multiplied by 0: it may be no number. */
  static void accumulate_visible(const TileValues& values, const float* weights, size_t from, size_t to, const F* rescale, float* sums) {
    for (int c = 0; c < kVectors; c++)
      for (size_t i = 0; i < values.kv.value_width; i++) {
        float* const sum = sums + i * kPanel + c * S::N;
        F here = S::mul(S::load(sum), rescale[c]);
        for (size_t key = from; key < to; key++) {
          const F weight = S::load(weights + key * kPanel + c * S::N);
          const F value = S::set(values.at(key, i));
          here = S::select_less(S::zero(), weight, S::fma(value, weight, here), here);
        }
        S::store(sum, here);
      }
  }

  static void finish(const Queries& all, const QueryShare& share, const Panel& panel) {
    const size_t width = all.kv->value_width;
    for (size_t n = 0; n < panel.count; n += S::N)
      for (size_t i = 0; i < width; i += S::N) {
        const size_t count = width - i < S::N ? width - i : S::N;
        F columns[S::N];
        for (size_t k = 0; k < S::N; k++) columns[k] = S::load(panel.sums + (i + (k < count ? k : 0)) * kPanel + n);
        S::transpose(columns);
        for (size_t lane = 0; lane < S::N && n + lane < panel.count; lane++) {
          const size_t row = panel.from + n + lane;
          float* const out = share.states ? share.states + row * state_size(width)
                                          : share.out + row / all.heads * share.stride + row % all.heads * width;
          const F sums = share.states ? columns[lane] : S::mul(columns[lane], S::set(1 / panel.total[n + lane]));
          if (count == S::N) {
            S::store(out + i, sums);
          } else {
            store_some<S>(out + i, sums, count);
          }
        }
      }
    if (!share.states) return;
    for (size_t n = 0; n < panel.count; n++) {
      float* const state = share.states + (panel.from + n) * state_size(width);
      state[width] = panel.largest[n];
      state[width + 1] = panel.total[n];
    }
  }
};

template <class S, class U> constexpr ManyQueries many_queries = {AttendMany<S, U>::kPanel, AttendMany<S, U>::scratch_bytes,
                                                                  AttendMany<S, U>::run};

/** Attends with a given number of queries of a lane: few of them fill at most one vector. */
template <class S> const ManyQueries& attend_many(KeyValueDtype dtype, size_t queries) {
  const bool is_few = queries <= S::N;
  if constexpr (S::kBfloat16Product)
    if (dtype == KeyValueDtype::bfloat16) return is_few ? many_queries<S, PairUnits<S, 1>> : many_queries<S, PairUnits<S, 3>>;
  return with_key_value_format(dtype, [&](auto format) -> const ManyQueries& {
    using Format = decltype(format);
    return is_few ? many_queries<S, FloatUnits<S, Format, 1>> : many_queries<S, FloatUnits<S, Format, 3>>;
  });
}

}  // namespace
}  // namespace mixtape
