#pragma once
// Attention of many queries, for prefill: two products with a softmax between, tile by tile of slots, so that scores never
// leave the cache. Queries are in the lanes of vectors (transposed once), keys and values are spread in place; what
// softmax needs of all slots of a query, its largest score and its sum, is then one lane's affair.

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
    size_t from;      // number of the first query
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

  static size_t panel_bytes(const KeyValues& slots) {
    return (U::units(slots.width) * sizeof(Unit) + (U::sums(slots.value_width) + 2) * sizeof(float)) * kPanel;
  }

 public:
  /** Queries of a panel: what the registers hold the sums of. */
  static constexpr size_t kPanel = kVectors * S::N;

  static size_t panels_of(size_t rows) { return (rows + kPanel - 1) / kPanel; }

  static size_t scratch_bytes(size_t rows, const KeyValues& slots) {
    const size_t tile = U::keys_units(slots.width) + U::values_units(slots.value_width) + U::kWeightsUnits;
    return tile * sizeof(Unit) + kTile * kPanel * sizeof(float) + panels_of(rows) * panel_bytes(slots);
  }

  static void run(const Queries& all, const QueryShare& share, uint8_t* scratch) {
    const KeyValues& slots = *all.slots;
    const Buffers buffers = divide(scratch, slots);
    const size_t panels = panels_of(share.to - share.from);
    for (size_t p = 0; p < panels; p++) start(all, panel_at(buffers, share, slots, p));
    [[maybe_unused]] const typename U::Session session;
    for (size_t slot = share.first_slot; slot < share.last_slot;) {
      const size_t most = share.last_slot - slot;
      const size_t count = most < kTile ? most : kTile;
      if (!is_padding(all, slot, count)) one_tile(all, share, buffers, slot, count);
      slot += count;
    }
    for (size_t p = 0; p < panels; p++) finish(all, share, panel_at(buffers, share, slots, p));
  }

 private:
  static Buffers divide(uint8_t* scratch, const KeyValues& slots) {
    Buffers b;
    b.keys = reinterpret_cast<Unit*>(scratch);
    b.values = b.keys + U::keys_units(slots.width);
    b.weights = b.values + U::values_units(slots.value_width);
    b.scores = reinterpret_cast<float*>(b.weights + U::kWeightsUnits);
    b.of_panels = reinterpret_cast<uint8_t*>(b.scores + kTile * kPanel);
    return b;
  }

  static Panel panel_at(const Buffers& buffers, const QueryShare& share, const KeyValues& slots, size_t p) {
    Panel panel;
    panel.queries = reinterpret_cast<Unit*>(buffers.of_panels + p * panel_bytes(slots));
    panel.sums = reinterpret_cast<float*>(panel.queries + U::units(slots.width) * kPanel);
    panel.largest = panel.sums + U::sums(slots.value_width) * kPanel;
    panel.total = panel.largest + kPanel;
    panel.from = share.from + p * kPanel;
    panel.count = share.to - panel.from < kPanel ? share.to - panel.from : kPanel;
    return panel;
  }

  static const float* query(const Queries& all, size_t row) {
    return all.q + (row % all.heads * all.count + row / all.heads) * all.slots->width;
  }

  /** Position of a query. */
  static size_t slot_of(const Queries& all, size_t row) { return all.slots->length - all.count + row / all.heads; }

  static void start(const Queries& all, const Panel& panel) {
    const size_t width = all.slots->width;
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
    for (size_t i = 0; i < U::sums(all.slots->value_width) * kPanel; i++) panel.sums[i] = 0;
    for (size_t n = 0; n < kPanel; n++) {
      panel.largest[n] = -__builtin_inff();
      panel.total[n] = 0;
    }
  }

  static bool is_padding(const Queries& all, size_t slot, size_t count) {
    if (!all.tokens) return false;
    for (size_t i = 0; i < count; i++)
      if (all.tokens[slot + i] != 0) return false;
    return true;
  }

  static void one_tile(const Queries& all, const QueryShare& share, const Buffers& buffers, size_t slot, size_t count) {
    const size_t width = all.slots->width, value_width = all.slots->value_width;
    const Unit* const keys = U::pack(*all.slots, all.lane, slot, count, buffers.keys, buffers.values);
    const TileValues values = {*all.slots, all.lane, slot, count};
    const size_t panels = panels_of(share.to - share.from);
    for (size_t p = 0; p < panels; p++) {
      const Panel panel = panel_at(buffers, share, *all.slots, p);
      const size_t first = slot_of(all, panel.from);
      const size_t last = slot_of(all, panel.from + panel.count - 1);
      // What none of these queries sees is not computed.
      const size_t reach = all.first_seen(first);
      if (last < slot || reach >= slot + count) continue;
      const size_t from = reach > slot ? (reach - slot) / U::kAlign * U::kAlign : 0;
      const size_t to = last + 1 - slot < count ? last + 1 - slot : count;
      U::scores(keys, panel.queries, from, to, width, buffers.scores);
      const bool is_whole = first + 1 >= slot + to && all.first_seen(last) <= slot + from;
      if (!is_whole) hide(all, panel, slot, from, to, buffers.scores);
      if (all.tokens) hide_padding(all.tokens + slot, from, to, buffers.scores);
      F faded[kVectors];
      softmax(panel, from, to, buffers.scores, buffers.weights, faded);
      // Whole, and no slot behind that is paired with what is seen.
      if ((is_whole && to == count && !all.tokens) || values.are_finite())
        U::mix(buffers.values, buffers.scores, buffers.weights, from, to, value_width, faded, panel.sums);
      else
        mix_seen(values, buffers.scores, from, to, faded, panel.sums);
    }
  }

  /** Scores of slots that come after their query, or before its window, become −∞. */
  static void hide(const Queries& all, const Panel& panel, size_t slot, size_t from, size_t to, float* scores) {
    float first[kPanel];
    float last[kPanel];
    for (size_t n = 0; n < kPanel; n++) {
      const size_t own = slot_of(all, panel.from + (n < panel.count ? n : panel.count - 1));
      const size_t reach = all.first_seen(own);
      first[n] = within_tile(reach, slot);
      last[n] = within_tile(own + 1, slot);
    }
    const F hidden = S::set(-__builtin_inff());
    for (size_t key = from; key < to; key++) {
      const F here = S::set(static_cast<float>(key));
      float* const row = scores + key * kPanel;
      for (size_t n = 0; n < kPanel; n += S::N) {
        const F seen = S::select_less(here, S::load(last + n), S::load(row + n), hidden);
        S::store(row + n, S::select_less(here, S::load(first + n), hidden, seen));
      }
    }
  }

  static float within_tile(size_t slot, size_t start) {
    const size_t offset = slot > start ? slot - start : 0;
    return static_cast<float>(offset < kTile ? offset : kTile);
  }

  static void hide_padding(const int32_t* tokens, size_t from, size_t to, float* scores) {
    const F hidden = S::set(-__builtin_inff());
    for (size_t key = from; key < to; key++)
      if (tokens[key] == 0)
        for (size_t n = 0; n < kPanel; n += S::N) S::store(scores + key * kPanel + n, hidden);
  }

  /** Weights of a tile, as numbers in `scores` and as units. `faded` is how much what was summed before weighs now. */
  static void softmax(const Panel& panel, size_t from, size_t to, float* scores, Unit* weights, F* faded) {
    for (int c = 0; c < kVectors; c++) {
      float* const column = scores + c * S::N;
      const F before = S::load(panel.largest + c * S::N);
      const F largest = largest_of(column, from, to, before);
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
      faded[c] = exp2<S>(S::sub(before, reference));
      S::store(panel.largest + c * S::N, largest);
      const F total = S::add(totals[0], totals[1]);
      S::store(panel.total + c * S::N, S::fma(S::load(panel.total + c * S::N), faded[c], total));
    }
    U::end_weights(weights, to);
  }

  static F largest_of(const float* column, size_t from, size_t to, F before) {
    // Several at a time, since each waits for the one before. A score that is not a number comes first: the largest is that of
    // the numbers.
    F largest[4] = {before, before, before, before};
    size_t key = from;
    for (; key + 4 <= to; key += 4)
      for (size_t k = 0; k < 4; k++) largest[k] = S::max(S::load(column + (key + k) * kPanel), largest[k]);
    for (; key < to; key++) largest[0] = S::max(S::load(column + key * kPanel), largest[0]);
    return S::max(S::max(largest[0], largest[1]), S::max(largest[2], largest[3]));
  }

  /** As `mix`, but what a query does not see is left out rather than multiplied by 0: it may be no number. */
  static void mix_seen(const TileValues& values, const float* weights, size_t from, size_t to, const F* faded, float* sums) {
    for (int c = 0; c < kVectors; c++)
      for (size_t i = 0; i < values.slots.value_width; i++) {
        float* const sum = sums + i * kPanel + c * S::N;
        F here = S::mul(S::load(sum), faded[c]);
        for (size_t key = from; key < to; key++) {
          const F weight = S::load(weights + key * kPanel + c * S::N);
          const F value = S::set(values.at(key, i));
          here = S::select_less(S::zero(), weight, S::fma(value, weight, here), here);
        }
        S::store(sum, here);
      }
  }

  static void finish(const Queries& all, const QueryShare& share, const Panel& panel) {
    const size_t width = all.slots->value_width;
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
template <class S> const ManyQueries& attend_many(Dtype slots, size_t queries) {
  const bool is_few = queries <= S::N;
  if constexpr (S::kBfloat16Product)
    if (slots == Dtype::bfloat16) return is_few ? many_queries<S, PairUnits<S, 1>> : many_queries<S, PairUnits<S, 3>>;
  if (slots == Dtype::bfloat16)
    return is_few ? many_queries<S, FloatUnits<S, Bfloat16, 1>> : many_queries<S, FloatUnits<S, Bfloat16, 3>>;
  return is_few ? many_queries<S, FloatUnits<S, Float32, 1>> : many_queries<S, FloatUnits<S, Float32, 3>>;
}

}  // namespace
}  // namespace mixtape
