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
constexpr size_t kAloneBelow = size_t{48} << 10;
/** Slots that a thread takes at a time, at least. */
constexpr size_t kLeastSlots = 128;
/** Slots of a stretch are a multiple of this. */
constexpr size_t kSlotsTogether = 64;
/** Shares per thread, so that threads end together. */
constexpr size_t kSharesPerThread = 8;
/** Queries, heads counted, that use a tile of slots while it is in the cache. */
constexpr size_t kMostQueries = 512;

size_t rounded_up(size_t count, size_t step) { return (count + step - 1) / step * step; }

Queries queries_of(const Attention& given, size_t lane) {
  const size_t heads = given.heads / given.groups;
  const float* const q = given.q + lane * heads * given.count * given.slots.width;
  const int32_t* const tokens = given.tokens ? given.tokens + lane / given.groups * given.slots.length : nullptr;
  const int32_t* const starts = given.starts ? given.starts + lane / given.groups * given.slots.length : nullptr;
  return {q, heads, given.count, given.scale, &given.slots, lane, given.window, tokens, starts};
}

/** The slots that a query may see. */
struct Reach {
  size_t from;
  size_t to;
};

Reach reach_of(const Attention& given, size_t row, size_t query) {
  const size_t to = given.slots.length - given.count + query + 1;
  const size_t from = to > given.window ? to - given.window : 0;
  if (!given.starts) return {from, to};
  return {std::max(from, static_cast<size_t>(given.starts[row * given.slots.length + to - 1])), to};
}

float sink_of(const Attention& given, size_t head) {
  return given.sinks ? given.sinks[head] : -std::numeric_limits<float>::infinity();
}

/** One query per row: reading keys and values is all the work, so they are cut in stretches that threads share. */
void attend_one(const Attention& given, float* out) {
  const KeyValues& slots = given.slots;
  const size_t heads = given.heads / given.groups;
  const size_t size = state_size(slots.value_width);
  const Reach reach = reach_of(given, 0, 0);
  const size_t length = reach.to - reach.from;
  const size_t wanted = kSharesPerThread * static_cast<size_t>(Pool::shared().size());
  const size_t stretch = rounded_up(std::max(slots.lanes * length / wanted, kLeastSlots), kSlotsTogether);
  const size_t parts = (length + stretch - 1) / stretch;
  Scratch scratch;
  float* const states = scratch.floats(slots.lanes * parts * heads * size);
  const auto share = [&](size_t i) {
    const size_t from = reach.from + i % parts * stretch;
    const size_t to = std::min(from + stretch, reach.to);
    kernels().attention.attend_one(queries_of(given, i / parts), 0, from, to, states + i * heads * size);
  };
  if (slots.lanes * length * (slots.width + slots.value_width) * bytes_per_element(slots.dtype) < kAloneBelow)
    for (size_t i = 0; i < slots.lanes * parts; i++) share(i);
  else
    Pool::shared().run(slots.lanes * parts, [&](size_t i) { share(i); });
  for (size_t head = 0; head < given.rows * given.heads; head++) {
    const float* const first = states + (head / heads * parts * heads + head % heads) * size;
    kernels().attention.join_states(first, parts, heads * size, slots.value_width, sink_of(given, head % given.heads),
                                    out + head * slots.value_width);
  }
}

/** Shares of the queries of all lanes: panels of queries and, if those are too few, ranges of keys. */
struct Cut {
  size_t numbers;
  Shares queries;
  size_t parts;

  Cut(const Attention& given, const ManyQueries& kernel)
      : numbers(given.heads / given.groups * given.count), queries(numbers, kernel.panel), parts(1) {
    const size_t lanes = given.slots.lanes;
    const size_t wanted = kSharesPerThread * static_cast<size_t>(Pool::shared().size());
    const size_t panels = std::clamp<size_t>(queries.count * lanes / wanted, 1, kMostQueries / kernel.panel);
    queries = Shares(numbers, panels * kernel.panel);
    const size_t longest = std::min(given.slots.length, given.window + given.count);
    if (queries.count * lanes < wanted)
      parts = std::clamp<size_t>(wanted / (queries.count * lanes), 1, std::max<size_t>(longest / kLeastSlots, 1));
  }
};

void attend_many(const Attention& given, float* out) {
  const KeyValues& slots = given.slots;
  const size_t heads = given.heads / given.groups;
  const size_t stride = given.heads * slots.value_width;
  const ManyQueries& kernel = kernels().attention.many(slots.dtype, heads * given.count);
  const Cut cut(given, kernel);
  const size_t size = state_size(slots.value_width);
  // A sink joins when states do.
  const bool needs_states = cut.parts > 1 || given.sinks;
  Scratch scratch;
  float* const states = needs_states ? scratch.floats(slots.lanes * cut.parts * cut.numbers * size) : nullptr;
  const size_t shares = slots.lanes * cut.queries.count * cut.parts;
  const auto share = [&](size_t i) {
    const size_t part = i % cut.parts;
    const size_t lane = i / cut.parts % slots.lanes;
    // The last queries see most: they come first, and threads end together.
    const size_t queries = cut.queries.count - 1 - i / cut.parts / slots.lanes;
    const size_t from = cut.queries.from(queries);
    const size_t to = cut.queries.to(queries);
    const size_t first = reach_of(given, lane / given.groups, from / heads).from;
    const size_t last = reach_of(given, lane / given.groups, (to - 1) / heads).to;
    const size_t stretch = rounded_up((last - first + cut.parts - 1) / cut.parts, kSlotsTogether);
    QueryShare own;
    own.from = from;
    own.to = to;
    own.first_slot = std::min(first + part * stretch, last);
    own.last_slot = std::min(own.first_slot + stretch, last);
    own.out = out + lane / given.groups * given.count * stride + lane % given.groups * heads * slots.value_width;
    own.stride = stride;
    own.states = states ? states + (lane * cut.parts + part) * cut.numbers * size : nullptr;
    Scratch own_scratch;
    kernel.run(queries_of(given, lane), own, own_scratch.bytes(kernel.scratch_bytes(to - from, slots)));
  };
  Pool::shared().run(shares, [&](size_t i) { share(i); });
  if (!states) return;
  Pool::shared().run(slots.lanes, [&](size_t lane) {
    float* const of_lane = out + lane / given.groups * given.count * stride + lane % given.groups * heads * slots.value_width;
    for (size_t n = 0; n < cut.numbers; n++)
      kernels().attention.join_states(states + (lane * cut.parts * cut.numbers + n) * size, cut.parts, cut.numbers * size,
                                      slots.value_width, sink_of(given, lane % given.groups * heads + n % heads),
                                      of_lane + n / heads * stride + n % heads * slots.value_width);
  });
}

/** The mean of all values of a lane. */
void mean_of(const KeyValues& slots, size_t lane, float* mean, float* row) {
  const size_t width = slots.value_width;
  std::fill_n(mean, width, 0.0f);
  for (size_t slot = 0; slot < slots.length; slot++) {
    const size_t place = slots.first + slot;
    const size_t index = (lane * slots.block + place % slots.block) * slots.value_stride;
    kernels().decode(slots.dtype, slots.values[place / slots.block] + index * bytes_per_element(slots.dtype), width, row);
    for (size_t i = 0; i < width; i++) mean[i] += row[i];
  }
  for (size_t i = 0; i < width; i++) mean[i] /= static_cast<float>(slots.length);
}

/** Queries that see nothing but padding. */
void attend_evenly(const Attention& given, float* out) {
  const KeyValues& slots = given.slots;
  Scratch scratch;
  float* const means = scratch.floats(given.groups * slots.value_width);
  float* const buffer = scratch.floats(slots.value_width);
  for (size_t row = 0; row < given.rows; row++) {
    const int32_t* const tokens = given.tokens + row * slots.length;
    bool has_means = false;
    for (size_t query = 0; query < given.count; query++) {
      const Reach reach = reach_of(given, row, query);
      if (std::any_of(tokens + reach.from, tokens + reach.to, [](int32_t token) { return token != 0; })) continue;
      for (size_t group = 0; group < given.groups && !has_means; group++)
        mean_of(slots, row * given.groups + group, means + group * slots.value_width, buffer);
      has_means = true;
      for (size_t head = 0; head < given.heads; head++) {
        const float* const mean = means + head / (given.heads / given.groups) * slots.value_width;
        std::copy_n(mean, slots.value_width, out + ((row * given.count + query) * given.heads + head) * slots.value_width);
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
  if (given.tokens && !given.sinks) attend_evenly(given, out);
}

}  // namespace mixtape
