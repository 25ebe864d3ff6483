#include "ops/attention.h"

#include <algorithm>
#include <limits>

#include "core/pool.h"
#include "core/scratch.h"
#include "kernels/table.h"
#include "ops/share.h"

namespace mixtape {
namespace {

/** Bytes of keys and values that one thread has read before another has joined it. */
constexpr size_t kParallelThreshold = size_t{48} << 10;
/** Positions that a thread takes at a time, at least. */
constexpr size_t kMinPositions = 128;
/** Positions of a part_length are a multiple of this. */
constexpr size_t kPositionUnit = 64;
/** Shares per thread, so that threads end together. */
constexpr size_t kSharesPerThread = 8;
/** Queries, heads counted, that use a tile of positions while it is in the cache. */
constexpr size_t kMaxQueries = 512;

size_t rounded_up(size_t count, size_t step) { return (count + step - 1) / step * step; }

Queries queries_of(const Attention& given, size_t lane) {
  const size_t heads = given.heads / given.groups;
  const float* const q = given.q + lane * heads * given.count * given.kv.width;
  const int32_t* const tokens = given.tokens ? given.tokens + lane / given.groups * given.kv.length : nullptr;
  const int32_t* const starts = given.starts ? given.starts + lane / given.groups * given.kv.length : nullptr;
  return {q, heads, given.count, given.scale, &given.kv, lane, given.window, tokens, starts};
}

/** The positions that a query may see. */
struct VisibleRange {
  size_t from;
  size_t to;
};

VisibleRange visible_range(const Attention& given, size_t row, size_t query) {
  const size_t to = given.kv.length - given.count + query + 1;
  const size_t from = to > given.window ? to - given.window : 0;
  if (!given.starts) return {from, to};
  return {std::max(from, static_cast<size_t>(given.starts[row * given.kv.length + to - 1])), to};
}

float sink_of(const Attention& given, size_t head) {
  return given.sinks ? given.sinks[head] : -std::numeric_limits<float>::infinity();
}

/** One query per row: reading keys and values is all the work, so they are split into ranges that threads share. */
void attend_one(const Attention& given, float* out) {
  const KeyValues& kv = given.kv;
  const size_t heads = given.heads / given.groups;
  const size_t size = state_size(kv.value_width);
  const VisibleRange visible = visible_range(given, 0, 0);
  const size_t length = visible.to - visible.from;
  const size_t wanted = kSharesPerThread * static_cast<size_t>(Pool::shared().size());
  const size_t part_length = rounded_up(std::max(kv.lanes * length / wanted, kMinPositions), kPositionUnit);
  const size_t parts = (length + part_length - 1) / part_length;
  Scratch scratch;
  float* const states = scratch.floats(kv.lanes * parts * heads * size);
  const auto share = [&](size_t i) {
    const size_t from = visible.from + i % parts * part_length;
    const size_t to = std::min(from + part_length, visible.to);
    kernels().attention.attend_one(queries_of(given, i / parts), 0, from, to, states + i * heads * size);
  };
  if (kv.lanes * length * kv.position_bytes() < kParallelThreshold)
    for (size_t i = 0; i < kv.lanes * parts; i++) share(i);
  else
    Pool::shared().run(kv.lanes * parts, [&](size_t i) { share(i); });
  for (size_t head = 0; head < given.rows * given.heads; head++) {
    const float* const first = states + (head / heads * parts * heads + head % heads) * size;
    kernels().attention.merge_states(first, parts, heads * size, kv.value_width, sink_of(given, head % given.heads),
                                    out + head * kv.value_width);
  }
}

/** Shares of the queries of all lanes: panels of queries and, if those are too few, ranges of keys. */
struct QuerySplit {
  /** Query vectors of a lane: queries times heads. */
  size_t queries;
  Shares shares;
  size_t parts;

  QuerySplit(const Attention& given, const ManyQueries& kernel)
      : queries(given.heads / given.groups * given.count), shares(queries, kernel.panel), parts(1) {
    const size_t lanes = given.kv.lanes;
    const size_t wanted = kSharesPerThread * static_cast<size_t>(Pool::shared().size());
    const size_t panels = std::clamp<size_t>(shares.count * lanes / wanted, 1, kMaxQueries / kernel.panel);
    shares = Shares(queries, panels * kernel.panel);
    const size_t longest = std::min(given.kv.length, given.window + given.count);
    if (shares.count * lanes < wanted)
      parts = std::clamp<size_t>(wanted / (shares.count * lanes), 1, std::max<size_t>(longest / kMinPositions, 1));
  }
};

void attend_many(const Attention& given, float* out) {
  const KeyValues& kv = given.kv;
  const size_t heads = given.heads / given.groups;
  const size_t stride = given.heads * kv.value_width;
  const ManyQueries& kernel = kernels().attention.many(kv.dtype, heads * given.count);
  const QuerySplit split(given, kernel);
  const size_t size = state_size(kv.value_width);
  // A sink joins when states do.
  const bool needs_states = split.parts > 1 || given.sinks;
  Scratch scratch;
  float* const states = needs_states ? scratch.floats(kv.lanes * split.parts * split.queries * size) : nullptr;
  const size_t shares = kv.lanes * split.shares.count * split.parts;
  const auto share = [&](size_t i) {
    const size_t part = i % split.parts;
    const size_t lane = i / split.parts % kv.lanes;
    // The last queries see most: they come first, and threads end together.
    const size_t index = split.shares.count - 1 - i / split.parts / kv.lanes;
    const size_t from = split.shares.from(index);
    const size_t to = split.shares.to(index);
    const size_t first = visible_range(given, lane / given.groups, from / heads).from;
    const size_t last = visible_range(given, lane / given.groups, (to - 1) / heads).to;
    const size_t part_length = rounded_up((last - first + split.parts - 1) / split.parts, kPositionUnit);
    QueryShare own;
    own.from = from;
    own.to = to;
    own.first_position = std::min(first + part * part_length, last);
    own.last_position = std::min(own.first_position + part_length, last);
    own.out = out + lane / given.groups * given.count * stride + lane % given.groups * heads * kv.value_width;
    own.stride = stride;
    own.states = states ? states + (lane * split.parts + part) * split.queries * size : nullptr;
    Scratch own_scratch;
    kernel.run(queries_of(given, lane), own, own_scratch.bytes(kernel.scratch_bytes(to - from, kv)));
  };
  Pool::shared().run(shares, [&](size_t i) { share(i); });
  if (!states) return;
  Pool::shared().run(kv.lanes, [&](size_t lane) {
    float* const of_lane = out + lane / given.groups * given.count * stride + lane % given.groups * heads * kv.value_width;
    for (size_t n = 0; n < split.queries; n++)
      kernels().attention.merge_states(states + (lane * split.parts * split.queries + n) * size, split.parts, split.queries * size,
                                      kv.value_width, sink_of(given, lane % given.groups * heads + n % heads),
                                      of_lane + n / heads * stride + n % heads * kv.value_width);
  });
}

/** The mean of all values of a lane. */
void mean_of(const KeyValues& kv, size_t lane, float* mean, float* row) {
  const size_t width = kv.value_width;
  std::fill_n(mean, width, 0.0f);
  for (size_t position = 0; position < kv.length; position++) {
    const size_t at = kv.first + position;
    const size_t index = lane * kv.block + at % kv.block;
    const size_t block = at / kv.block;
    kernels().attention.decode(kv.dtype, kv.values[block] + bytes_of(kv.dtype, index * kv.value_stride),
                               kv.dtype == KeyValueDtype::int8 ? kv.value_scales[block] + index : nullptr, 1, width, width, row);
    for (size_t i = 0; i < width; i++) mean[i] += row[i];
  }
  for (size_t i = 0; i < width; i++) mean[i] /= static_cast<float>(kv.length);
}

/** Queries that see nothing but padding. */
void attend_uniformly(const Attention& given, float* out) {
  const KeyValues& kv = given.kv;
  Scratch scratch;
  float* const means = scratch.floats(given.groups * kv.value_width);
  float* const buffer = scratch.floats(kv.value_width);
  for (size_t row = 0; row < given.rows; row++) {
    const int32_t* const tokens = given.tokens + row * kv.length;
    bool has_means = false;
    for (size_t query = 0; query < given.count; query++) {
      const VisibleRange visible = visible_range(given, row, query);
      if (std::any_of(tokens + visible.from, tokens + visible.to, [](int32_t token) { return token != 0; })) continue;
      for (size_t group = 0; group < given.groups && !has_means; group++)
        mean_of(kv, row * given.groups + group, means + group * kv.value_width, buffer);
      has_means = true;
      for (size_t head = 0; head < given.heads; head++) {
        const float* const mean = means + head / (given.heads / given.groups) * kv.value_width;
        std::copy_n(mean, kv.value_width, out + ((row * given.count + query) * given.heads + head) * kv.value_width);
      }
    }
  }
}

}  // namespace

void attention(const Attention& given, float* out) {
  if (given.count == 1) {
    attend_one(given, out);
  } else {
    attend_many(given, out);
  }
  if (given.tokens && !given.sinks) attend_uniformly(given, out);
}

}  // namespace mixtape
