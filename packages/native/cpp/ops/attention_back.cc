#include <string.h>

#include <algorithm>
#include <cmath>

#include "core/pool.h"
#include "core/scratch.h"
#include "kernels/table.h"
#include "ops/attention.h"
#include "ops/matmul.h"

namespace mixtape {
namespace {

/** Queries whose scores are held at the same time. */
constexpr size_t kQueries = 96;

/** One head of queries, with the keys and values that it attends to: matrices of `width` or `value_width` columns, and their gradients. */
struct Head {
  size_t row;
  const float* q;
  const float* keys;
  const float* values;
  /** Rows of it lie `stride` apart. */
  const float* dy;
  size_t stride;
  float* by_q;
  float* by_keys;
  float* by_values;
};

/** Element (i, k) is number i · row + k · step. */
Operand numbers(const float* data, size_t row, size_t step) {
  return {Dtype::float32, reinterpret_cast<const uint8_t*>(data), row, step};
}

/** Some queries of a head: [from, to), which see none but the slots [first, last). */
struct Block {
  size_t from;
  size_t to;
  size_t first;
  size_t last;
  size_t queries() const { return to - from; }
  size_t slots() const { return last - first; }
};

/** The first slot that a query sees, but for padding, and the one in which it lies. */
Stretch reach_of(const Attention& given, size_t row, size_t query) {
  const size_t slot = given.slots.length - given.count + query;
  const size_t reach = slot + 1 > given.window ? slot + 1 - given.window : 0;
  const size_t start = given.starts ? static_cast<size_t>(given.starts[row * given.slots.length + slot]) : 0;
  return {std::max(reach, start), slot + 1};
}

/** Returns whether a query sees a position that holds a token. */
bool sees_any(const Attention& given, size_t row, size_t query) {
  if (!given.tokens) return true;
  const int32_t* const tokens = given.tokens + row * given.slots.length;
  const Stretch seen = reach_of(given, row, query);
  return std::any_of(tokens + seen.from, tokens + seen.to, [](int32_t token) { return token != 0; });
}

/**
 * A query that sees nothing attended to all slots evenly: its scores were all the same beside what they were masked with. They have
 * gradients nevertheless, as in the reference, where the mask is a number that is added to them.
 */
void back_evenly(const Attention& given, const Head& head, size_t query) {
  const size_t width = given.slots.width, value_width = given.slots.value_width, slots = given.slots.length;
  const float share = 1 / static_cast<float>(slots);
  const float* const dy = head.dy + query * head.stride;
  const float* const q = head.q + query * width;
  float* const by_q = head.by_q + query * width;
  Scratch scratch;
  float* const above = scratch.floats(slots);
  matmul_block(numbers(dy, head.stride, 1), numbers(head.values, value_width, 1), value_width, {0, 1}, {0, slots}, above, slots);
  const float mean = kernels().sum(above, slots) * share;
  memset(by_q, 0, width * sizeof *by_q);
  for (size_t slot = 0; slot < slots; slot++) {
    const float score = (above[slot] - mean) * share * given.scale;
    for (size_t i = 0; i < value_width; i++) head.by_values[slot * value_width + i] += share * dy[i];
    for (size_t i = 0; i < width; i++) {
      head.by_keys[slot * width + i] += score * q[i];
      by_q[i] += score * head.keys[slot * width + i];
    }
  }
}

/** Scores of a block become weights, 0 where a slot is not seen; all of them 0 where a query sees none. */
void weigh(const Attention& given, const Head& head, const Block& block, float* scores) {
  const int32_t* const tokens = given.tokens ? given.tokens + head.row * given.slots.length : nullptr;
  for (size_t query = block.from; query < block.to; query++) {
    float* const row = scores + (query - block.from) * block.slots();
    const Stretch seen = reach_of(given, head.row, query);
    const size_t from = seen.from - block.first, to = seen.to - block.first;
    memset(row, 0, from * sizeof *row);
    memset(row + to, 0, (block.slots() - to) * sizeof *row);
    kernels().binary(Binary::multiply, row + from, false, &given.scale, true, to - from, row + from);
    for (size_t slot = from; tokens && slot < to; slot++)
      if (tokens[block.first + slot] == 0) row[slot] = -INFINITY;
    if (sees_any(given, head.row, query)) {
      kernels().softmax(row + from, 1, to - from, row + from);
    } else {
      memset(row + from, 0, (to - from) * sizeof *row);
    }
  }
}

void back_through_block(const Attention& given, const Head& head, const Block& block) {
  const size_t width = given.slots.width, value_width = given.slots.value_width;
  const size_t queries = block.queries(), slots = block.slots();
  const float* const q = head.q + block.from * width;
  const float* const keys = head.keys + block.first * width;
  const float* const values = head.values + block.first * value_width;
  const float* const dy = head.dy + block.from * head.stride;
  Scratch scratch;
  float* const weights = scratch.floats(queries * slots);
  float* const above = scratch.floats(queries * slots);
  matmul_block(numbers(q, width, 1), numbers(keys, width, 1), width, {0, queries}, {0, slots}, weights, slots);
  weigh(given, head, block, weights);
  matmul_block(numbers(weights, 1, slots), numbers(dy, 1, head.stride), queries, {0, slots}, {0, value_width},
               head.by_values + block.first * value_width, value_width, true);
  matmul_block(numbers(dy, head.stride, 1), numbers(values, value_width, 1), value_width, {0, queries}, {0, slots}, above, slots);
  // Back through softmax: weight · (above − Σ weight · above), and the scale of scores.
  for (size_t i = 0; i < queries; i++) {
    float* const weight = weights + i * slots;
    float* const own = above + i * slots;
    kernels().binary(Binary::multiply, own, false, weight, false, slots, own);
    const float sum = kernels().sum(own, slots);
    kernels().binary(Binary::multiply, weight, false, &sum, true, slots, weight);
    kernels().binary(Binary::subtract, own, false, weight, false, slots, own);
    kernels().binary(Binary::multiply, own, false, &given.scale, true, slots, own);
  }
  matmul_block(numbers(above, slots, 1), numbers(keys, 1, width), slots, {0, queries}, {0, width},
               head.by_q + block.from * width, width);
  matmul_block(numbers(above, 1, slots), numbers(q, 1, width), queries, {0, slots}, {0, width},
               head.by_keys + block.first * width, width, true);
  for (size_t query = block.from; query < block.to; query++)
    if (!sees_any(given, head.row, query)) back_evenly(given, head, query);
}

/** One head; what it asks of keys and values is added to what is there. */
void back_through_head(const Attention& given, const Head& head) {
  // The first queries of a block see the fewest slots, but from the earliest on.
  for (size_t from = 0; from < given.count; from += kQueries) {
    const size_t to = std::min(given.count, from + kQueries);
    back_through_block(given, head, {from, to, reach_of(given, head.row, from).from, reach_of(given, head.row, to - 1).to});
  }
}

}  // namespace

void attention_back(const Attention& given, const float* dy, const AttentionGradients& to) {
  const size_t width = given.slots.width, value_width = given.slots.value_width;
  const size_t heads = given.heads / given.groups;
  const size_t of_queries = given.count * width;
  const size_t of_keys = given.slots.length * width;
  const size_t of_values = given.slots.length * value_width;
  const size_t lanes = given.rows * given.groups;
  const auto head_of = [&](size_t i, float* by_keys, float* by_values) {
    const size_t row = i / given.heads;
    const size_t lane = row * given.groups + i % given.heads / heads;
    const auto* const keys = reinterpret_cast<const float*>(*given.slots.keys) + lane * of_keys;
    const auto* const values = reinterpret_cast<const float*>(*given.slots.values) + lane * of_values;
    const float* const above = dy + (row * given.count * given.heads + i % given.heads) * value_width;
    return Head{row, given.q + i * of_queries, keys, values, above, given.heads * value_width, to.q + i * of_queries, by_keys, by_values};
  };
  memset(to.keys, 0, lanes * of_keys * sizeof *to.keys);
  memset(to.values, 0, lanes * of_values * sizeof *to.values);
  Pool& pool = Pool::shared();
  if (heads == 1 || lanes >= 4 * static_cast<size_t>(pool.size()))
    return pool.run(lanes, [&](size_t lane) {
      for (size_t head = 0; head < heads; head++)
        back_through_head(given, head_of(lane * heads + head, to.keys + lane * of_keys, to.values + lane * of_values));
    });
  // Too few lanes for all threads: each head has sums of its own, which are added up in the end.
  Scratch scratch;
  const size_t all = lanes * heads;
  float* const by_keys = scratch.floats(all * (of_keys + of_values));
  float* const by_values = by_keys + all * of_keys;
  pool.run(all, [&](size_t i) {
    memset(by_keys + i * of_keys, 0, of_keys * sizeof *by_keys);
    memset(by_values + i * of_values, 0, of_values * sizeof *by_values);
    back_through_head(given, head_of(i, by_keys + i * of_keys, by_values + i * of_values));
  });
  const auto add_up = [&](const float* own, size_t size, float* sum) {
    for (size_t head = 0; head < heads; head++) kernels().binary(Binary::add, sum, false, own + head * size, false, size, sum);
  };
  pool.run(2 * lanes, [&](size_t i) {
    const size_t lane = i % lanes;
    if (i < lanes) add_up(by_keys + lane * heads * of_keys, of_keys, to.keys + lane * of_keys);
    else add_up(by_values + lane * heads * of_values, of_values, to.values + lane * of_values);
  });
}

}  // namespace mixtape
