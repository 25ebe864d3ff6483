#pragma once
// Arguments of attention kernels.

#include "core/key_values.h"

namespace mixtape {

/** The queries that attend to one lane of keys and values: all of some heads. They are the last `count` of its slots. */
struct Queries {
  /** `[heads, count, width]` */
  const float* q;
  size_t heads;
  size_t count;
  float scale;
  const KeyValues* slots;
  size_t lane;
  /** Number of positions that a query sees at most, its own included; at least 1. */
  size_t window;
  /** `[slots.length]`, 0 for padding, which is not seen; null where there is none. */
  const int32_t* tokens;
  /** `[slots.length]`: the first slot that a query in a slot may see, however far its window reaches; null where that is the first. */
  const int32_t* starts;

  /** The first slot that a query in `slot` sees. */
  size_t first_seen(size_t slot) const {
    const size_t reach = slot + 1 > window ? slot + 1 - window : 0;
    const size_t start = starts ? static_cast<size_t>(starts[slot]) : 0;
    return start > reach ? start : reach;
  }
};

/**
 * Attention over some slots as a state: of each head `Σ 2^(score − largest) · value`, then `largest`, then `Σ 2^…`, where a score
 * is in powers of two. States of one head over several stretches of slots make its attention.
 */
constexpr size_t state_size(size_t value_width) { return value_width + 2; }

/**
 * Share of one thread of the queries of a lane, numbered query by query, heads inside: numbers [from, to), over the slots
 * [first_slot, last_slot).
 */
struct QueryShare {
  size_t from;
  size_t to;
  size_t first_slot;
  size_t last_slot;
  /** Output of the head of a query: `out + query · stride + head · value_width`. */
  float* out;
  size_t stride;
  /** Or, where these are not all slots that the queries see: a state per number. Else null. */
  float* states;
};

/** Number of queries that attend together. */
struct ManyQueries {
  /** So many numbers fill the vectors; a share starts at a multiple of it. */
  size_t panel;
  size_t (*scratch_bytes)(size_t numbers, const KeyValues& slots);
  void (*run)(const Queries& all, const QueryShare& share, uint8_t* scratch);
};

struct AttentionKernels {
  /** One query over the slots [from, to), all of which it may see but for padding: a state per head. */
  void (*attend_one)(const Queries& all, size_t query, size_t from, size_t to, float* states);
  /** The fastest for so many queries of a lane, heads counted. */
  const ManyQueries& (*many)(Dtype slots, size_t queries);
  /**
   * The attention of one head from its states over `parts` stretches of slots, `stride` numbers apart, `width` numbers of values.
   * `sink` is a score of the softmax that has no value, −∞ where there is none. Not a number where no slot was seen and there is no
   * sink.
   */
  void (*join_states)(const float* states, size_t parts, size_t stride, size_t width, float sink, float* out);
};

}  // namespace mixtape
