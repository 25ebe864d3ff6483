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
  /** Its rows are `stride` apart. */
  const float* dy;
  size_t stride;
  float* grad_q;
  float* grad_keys;
  float* grad_values;
};

/** Element (i, k) is at i · row_stride + k · depth_stride. */
Operand operand(const float* data, size_t row_stride, size_t depth_stride) {
  return {Dtype::float32, reinterpret_cast<const uint8_t*>(data), row_stride, depth_stride};
}

/** Some queries of a head: [from, to), which see none but the positions [first, last). */
struct Block {
  size_t from;
  size_t to;
  size_t first;
  size_t last;
  size_t queries() const { return to - from; }
  size_t positions() const { return last - first; }
};

/** Positions that a query sees, padding included: from the first one to its own. */
IndexRange visible_range(const Attention& given, size_t row, size_t query) {
  const size_t position = given.kv.length - given.count + query;
  const size_t window_start = position + 1 > given.window ? position + 1 - given.window : 0;
  const size_t start = given.starts ? static_cast<size_t>(given.starts[row * given.kv.length + position]) : 0;
  return {std::max(window_start, start), position + 1};
}

/** Returns whether a query sees a position that holds a token. */
bool sees_any(const Attention& given, size_t row, size_t query) {
  if (!given.tokens) return true;
  const int32_t* const tokens = given.tokens + row * given.kv.length;
  const IndexRange seen = visible_range(given, row, query);
  return std::any_of(tokens + seen.from, tokens + seen.to, [](int32_t token) { return token != 0; });
}

/**
 * A query that sees nothing attended to all positions uniformly: the mask, a number that is added to its scores, made them equal. As
 * in the reference, they have gradients nevertheless.
 */
void back_uniformly(const Attention& given, const Head& head, size_t query) {
  const size_t width = given.kv.width, value_width = given.kv.value_width, positions = given.kv.length;
  const float share = 1 / static_cast<float>(positions);
  const float* const dy = head.dy + query * head.stride;
  const float* const q = head.q + query * width;
  float* const grad_q = head.grad_q + query * width;
  Scratch scratch;
  float* const grad_weights = scratch.floats(positions);
  matmul_block(operand(dy, head.stride, 1), operand(head.values, value_width, 1), value_width, {0, 1}, {0, positions},
               grad_weights, positions);
  const float mean = kernels().sum(grad_weights, positions) * share;
  memset(grad_q, 0, width * sizeof *grad_q);
  for (size_t position = 0; position < positions; position++) {
    const float score = (grad_weights[position] - mean) * share * given.scale;
    for (size_t i = 0; i < value_width; i++) head.grad_values[position * value_width + i] += share * dy[i];
    for (size_t i = 0; i < width; i++) {
      head.grad_keys[position * width + i] += score * q[i];
      grad_q[i] += score * head.keys[position * width + i];
    }
  }
}

/** Scores of a block become weights, 0 where a position is not seen; all of them 0 where a query sees none. */
void masked_softmax(const Attention& given, const Head& head, const Block& block, float* scores) {
  const int32_t* const tokens = given.tokens ? given.tokens + head.row * given.kv.length : nullptr;
  for (size_t query = block.from; query < block.to; query++) {
    float* const row = scores + (query - block.from) * block.positions();
    const IndexRange seen = visible_range(given, head.row, query);
    const size_t from = seen.from - block.first, to = seen.to - block.first;
    memset(row, 0, from * sizeof *row);
    memset(row + to, 0, (block.positions() - to) * sizeof *row);
    kernels().binary(Binary::multiply, row + from, false, &given.scale, true, to - from, row + from);
    for (size_t position = from; tokens && position < to; position++)
      if (tokens[block.first + position] == 0) row[position] = -INFINITY;
    if (sees_any(given, head.row, query)) {
      kernels().softmax(row + from, 1, to - from, row + from);
    } else {
      memset(row + from, 0, (to - from) * sizeof *row);
    }
  }
}

void back_through_block(const Attention& given, const Head& head, const Block& block) {
  const size_t width = given.kv.width, value_width = given.kv.value_width;
  const size_t queries = block.queries(), positions = block.positions();
  const float* const q = head.q + block.from * width;
  const float* const keys = head.keys + block.first * width;
  const float* const values = head.values + block.first * value_width;
  const float* const dy = head.dy + block.from * head.stride;
  Scratch scratch;
  float* const weights = scratch.floats(queries * positions);
  float* const grad_weights = scratch.floats(queries * positions);
  matmul_block(operand(q, width, 1), operand(keys, width, 1), width, {0, queries}, {0, positions}, weights, positions);
  masked_softmax(given, head, block, weights);
  matmul_block(operand(weights, 1, positions), operand(dy, 1, head.stride), queries, {0, positions}, {0, value_width},
               head.grad_values + block.first * value_width, value_width, true);
  matmul_block(operand(dy, head.stride, 1), operand(values, value_width, 1), value_width, {0, queries}, {0, positions},
               grad_weights, positions);
  // Back through softmax: weight · (grad − Σ weight · grad), and the scale of scores.
  for (size_t i = 0; i < queries; i++) {
    float* const weight = weights + i * positions;
    float* const own = grad_weights + i * positions;
    kernels().binary(Binary::multiply, own, false, weight, false, positions, own);
    const float sum = kernels().sum(own, positions);
    kernels().binary(Binary::multiply, weight, false, &sum, true, positions, weight);
    kernels().binary(Binary::subtract, own, false, weight, false, positions, own);
    kernels().binary(Binary::multiply, own, false, &given.scale, true, positions, own);
  }
  matmul_block(operand(grad_weights, positions, 1), operand(keys, 1, width), positions, {0, queries}, {0, width},
               head.grad_q + block.from * width, width);
  matmul_block(operand(grad_weights, 1, positions), operand(q, 1, width), queries, {0, positions}, {0, width},
               head.grad_keys + block.first * width, width, true);
  for (size_t query = block.from; query < block.to; query++)
    if (!sees_any(given, head.row, query)) back_uniformly(given, head, query);
}

/** One head; what it asks of keys and values is added to what is there. */
void back_through_head(const Attention& given, const Head& head) {
  // The first queries of a block see the fewest positions, but from the earliest on.
  for (size_t from = 0; from < given.count; from += kQueries) {
    const size_t to = std::min(given.count, from + kQueries);
    const size_t first = visible_range(given, head.row, from).from, last = visible_range(given, head.row, to - 1).to;
    back_through_block(given, head, {from, to, first, last});
  }
}

}  // namespace

void attention_back(const Attention& given, const float* dy, const AttentionGradients& to) {
  const size_t width = given.kv.width, value_width = given.kv.value_width;
  const size_t heads = given.heads / given.groups;
  const size_t of_queries = given.count * width;
  const size_t of_keys = given.kv.length * width;
  const size_t of_values = given.kv.length * value_width;
  const size_t lanes = given.rows * given.groups;
  const auto head_of = [&](size_t i, float* grad_keys, float* grad_values) {
    const size_t row = i / given.heads;
    const size_t lane = row * given.groups + i % given.heads / heads;
    const auto* const keys = reinterpret_cast<const float*>(*given.kv.keys) + lane * of_keys;
    const auto* const values = reinterpret_cast<const float*>(*given.kv.values) + lane * of_values;
    const float* const head_dy = dy + (row * given.count * given.heads + i % given.heads) * value_width;
    return Head{row, given.q + i * of_queries, keys, values, head_dy, given.heads * value_width, to.q + i * of_queries, grad_keys, grad_values};
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
  float* const grad_keys = scratch.floats(all * (of_keys + of_values));
  float* const grad_values = grad_keys + all * of_keys;
  pool.run(all, [&](size_t i) {
    memset(grad_keys + i * of_keys, 0, of_keys * sizeof *grad_keys);
    memset(grad_values + i * of_values, 0, of_values * sizeof *grad_values);
    back_through_head(given, head_of(i, grad_keys + i * of_keys, grad_values + i * of_values));
  });
  const auto add_up = [&](const float* own, size_t size, float* sum) {
    for (size_t head = 0; head < heads; head++) kernels().binary(Binary::add, sum, false, own + head * size, false, size, sum);
  };
  pool.run(2 * lanes, [&](size_t i) {
    const size_t lane = i % lanes;
    if (i < lanes) add_up(grad_keys + lane * heads * of_keys, of_keys, to.keys + lane * of_keys);
    else add_up(grad_values + lane * heads * of_values, of_values, to.values + lane * of_values);
  });
}

}  // namespace mixtape
