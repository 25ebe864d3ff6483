#include "ops/attention.h"

#include <algorithm>

#include "core/pool.h"
#include "core/scratch.h"
#include "kernels/table.h"
#include "ops/share.h"

namespace mixtape {
namespace {

/** Bytes of keys and values that one thread has read before another has joined it. */
constexpr size_t kAloneBelow = size_t{48} << 10;
/** Slots that a thread takes at a time, at least, where there is one query. */
constexpr size_t kLeastSlots = 128;
/** Shares per thread, so that threads end together. */
constexpr size_t kSharesPerThread = 8;

Queries queries_of(const Attention& given, size_t lane) {
  const size_t heads = given.heads / given.groups;
  const float* const q = given.q + lane * heads * given.count * given.slots.width;
  const int32_t* const tokens = given.tokens ? given.tokens + lane / given.groups * given.slots.length : nullptr;
  return {q, heads, given.count, given.scale, &given.slots, lane, given.window, tokens};
}

/** The slots that a query may see. */
struct Reach {
  size_t from;
  size_t to;
};

Reach reach_of(const Attention& given, size_t query) {
  const size_t to = given.slots.length - given.count + query + 1;
  return {to > given.window ? to - given.window : 0, to};
}

/** Query by query, the slots in stretches that threads share. */
void each_query(const Attention& given, float* out) {
  const KeyValues& slots = given.slots;
  const size_t heads = given.heads / given.groups;
  const size_t size = state_size(slots.width);
  const size_t longest = std::min(given.window, slots.length);
  const size_t bytes = slots.lanes * longest * 2 * slots.width * bytes_per_element(slots.dtype);
  const size_t wanted = kSharesPerThread * static_cast<size_t>(Pool::shared().size());
  const size_t stretch = (std::max(slots.lanes * longest / wanted, kLeastSlots) + 63) & ~size_t{63};
  const size_t parts = (longest + stretch - 1) / stretch;
  Scratch scratch;
  float* const states = scratch.floats(slots.lanes * parts * heads * size);
  for (size_t query = 0; query < given.count; query++) {
    const Reach reach = reach_of(given, query);
    const auto share = [&](size_t i) {
      const size_t from = std::min(reach.from + i % parts * stretch, reach.to);
      const size_t to = std::min(from + stretch, reach.to);
      kernels().attention.attend_one(queries_of(given, i / parts), query, from, to, states + i * heads * size);
    };
    if (bytes < kAloneBelow)
      for (size_t i = 0; i < slots.lanes * parts; i++) share(i);
    else
      Pool::shared().run(slots.lanes * parts, [&](size_t i) { share(i); });
    for (size_t head = 0; head < given.rows * given.heads; head++) {
      const float* const first = states + (head / heads * parts * heads + head % heads) * size;
      const size_t row = head / given.heads * given.count + query;
      kernels().attention.join_states(first, parts, heads * size, slots.width,
                            out + (row * given.heads + head % given.heads) * slots.width);
    }
  }
}

/** The mean of all values of a lane. */
void mean_of(const KeyValues& slots, size_t lane, float* mean, float* row) {
  std::fill_n(mean, slots.width, 0.0f);
  for (size_t slot = 0; slot < slots.length; slot++) {
    const size_t place = slots.first + slot;
    const size_t index = (lane * slots.block + place % slots.block) * slots.width;
    kernels().decode(slots.dtype, slots.values[place / slots.block] + index * bytes_per_element(slots.dtype), slots.width,
                     row);
    for (size_t i = 0; i < slots.width; i++) mean[i] += row[i];
  }
  for (size_t i = 0; i < slots.width; i++) mean[i] /= static_cast<float>(slots.length);
}

/** Queries that see nothing but padding. */
void attend_evenly(const Attention& given, float* out) {
  const KeyValues& slots = given.slots;
  Scratch scratch;
  float* const means = scratch.floats(given.groups * slots.width);
  float* const buffer = scratch.floats(slots.width);
  for (size_t row = 0; row < given.rows; row++) {
    const int32_t* const tokens = given.tokens + row * slots.length;
    bool has_means = false;
    for (size_t query = 0; query < given.count; query++) {
      const Reach reach = reach_of(given, query);
      if (std::any_of(tokens + reach.from, tokens + reach.to, [](int32_t token) { return token != 0; })) continue;
      for (size_t group = 0; group < given.groups && !has_means; group++)
        mean_of(slots, row * given.groups + group, means + group * slots.width, buffer);
      has_means = true;
      for (size_t head = 0; head < given.heads; head++) {
        const float* const mean = means + head / (given.heads / given.groups) * slots.width;
        std::copy_n(mean, slots.width, out + ((row * given.count + query) * given.heads + head) * slots.width);
      }
    }
  }
}

}  // namespace

void attention(const Attention& given, float* out) {
  each_query(given, out);
  if (given.tokens) attend_evenly(given, out);
}

}  // namespace mixtape
