#pragma once
// Arguments of attention kernels.

#include "core/key_values.h"

namespace mixtape {

/** The queries that attend to one lane of keys and values: all of some heads. They are the last `count` of its positions. */
struct Queries {
  /** `[heads, count, width]` */
  const float* q;
  size_t heads;
  size_t count;
  float scale;
  const KeyValues* kv;
  size_t lane;
  /** Number of positions that a query sees at most, its own included; at least 1. */
  size_t window;
  /** `[kv.length]`, 0 for padding, which is not seen; null where there is none. */
  const int32_t* tokens;
  /** `[kv.length]`: the first position that the query of a position may see, however far its window reaches; null where that is 0. */
  const int32_t* starts;

  /** The first position that a query in `position` sees. */
  size_t first_visible(size_t position) const {
    const size_t window_start = position + 1 > window ? position + 1 - window : 0;
    const size_t start = starts ? static_cast<size_t>(starts[position]) : 0;
    return start > window_start ? start : window_start;
  }
};

/**
 * Attention over some positions as a state: of each head `Σ 2^(score − largest) · value`, then `largest`, then `Σ 2^…`, where a score
 * is in powers of two. States of one head over several ranges of positions are merged into its attention (split-KV).
 */
constexpr size_t state_size(size_t value_width) { return value_width + 2; }

/**
 * Share of one thread of the query vectors of a lane, in order of queries, heads inside: vectors [from, to), over the positions
 * [first_position, last_position).
 */
struct QueryShare {
  size_t from;
  size_t to;
  size_t first_position;
  size_t last_position;
  /** Output of the head of a query: `out + query · stride + head · value_width`. */
  float* out;
  size_t stride;
  /** Or, where these are not all positions that the queries see: a state per query vector. Else null. */
  float* states;
};

/** Number of queries that attend together. */
struct ManyQueries {
  /** Number of query vectors that fill a panel; a share starts at a multiple of it. */
  size_t panel;
  size_t (*scratch_bytes)(size_t queries, const KeyValues& kv);
  void (*run)(const Queries& all, const QueryShare& share, uint8_t* scratch);
};

struct AttentionKernels {
  /** One query over the positions [from, to), all of which it may see but for padding: a state per head. */
  void (*attend_one)(const Queries& all, size_t query, size_t from, size_t to, float* states);
  /** The fastest for so many queries of a lane, heads counted. */
  const ManyQueries& (*many)(KeyValueDtype dtype, size_t queries);
  /**
   * Merges the states of one head over `parts` ranges of positions, `stride` elements apart, into its attention of `width` values.
   * `sink` is a score of the softmax that has no value, −∞ where there is none. Not a number where no position was seen and there is no
   * sink.
   */
  void (*merge_states)(const float* states, size_t parts, size_t stride, size_t width, float sink, float* out);
  /** Encodes contiguous rows of `width` numbers, those of a lane; `scales` of int8, one of each row, else null. */
  void (*encode)(KeyValueDtype to, const float* x, size_t rows, size_t width, uint8_t* y, float* scales);
  /** Decodes the first `width` numbers of rows that are `stride` elements apart, to contiguous rows. */
  void (*decode)(KeyValueDtype from, const uint8_t* x, const float* scales, size_t rows, size_t stride, size_t width, float* y);
};

}  // namespace mixtape
