// attention, attentionBack

#include <algorithm>
#include <vector>

#include "bind/args.h"
#include "bind/exports.h"
#include "core/key_value_store.h"
#include "ops/attention.h"

namespace mixtape {
namespace {

/** Returns a copy of the first positions of documents, since the outputs may share their memory; empty if there are none. */
std::vector<int32_t> starts_of(const Args& args, size_t index, size_t rows, size_t queries, size_t length) {
  if (args.absent(index)) return {};
  args.require(queries == length, "as many queries as positions beside starts");
  const int32_t* const given = args.ints(index, "starts", args.product(rows, length));
  std::vector<int32_t> starts(given, given + rows * length);
  for (size_t i = 0; i < starts.size(); i++) {
    const int32_t before = i % length > 0 ? starts[i - 1] : 0;
    args.require(starts[i] >= before && static_cast<size_t>(starts[i]) <= i % length, "starts that rise, none after its position");
  }
  return starts;
}

/**
 * attention(out, q, keys, values, tokens | null, [rows, heads, groups, queries, positions, width, value width], window | null, scale,
 * starts | null, sinks | null)
 *
 * q [rows, heads, queries, width]; keys are a store, with values null and the number of positions 0, or both are arrays,
 * [rows, groups, positions, width] and [rows, groups, positions, value width]; tokens and starts [rows, positions]; sinks [heads]; out
 * [rows, queries, heads · value width].
 */
void attention_of(const Args& args) {
  const auto shape = args.ints(5, "shape");
  args.require(shape.length == 7, "a shape of seven numbers");
  const bool is_stored = args.absent(3);
  for (size_t i = 0; i < 7; i++) {
    if (i == 4 && is_stored) args.require(shape.data[i] == 0, "no number of positions beside a store");
    else args.require(shape.data[i] >= 1, "a shape of at least 1 in each axis");
  }
  const auto axis = [&](size_t i) { return static_cast<size_t>(shape.data[i]); };
  const size_t rows = axis(0), heads = axis(1), groups = axis(2), queries = axis(3), width = axis(5);
  const size_t value_width = axis(6);
  const KeyValueStore* const store = is_stored ? &args.key_value_store(2, "keys") : nullptr;
  const size_t length = store ? store->length() : axis(4);
  args.require(heads % groups == 0, "heads as a multiple of groups");
  args.require(length >= queries, "as many positions as queries");
  const size_t all_queries = args.product(args.product(rows, heads), queries);
  float* const out = args.floats(0, "out", args.product(all_queries, value_width));
  const float* const q = args.floats(1, "q", args.product(all_queries, width));
  const float* const sinks = args.absent(9) ? nullptr : args.floats(9, "sinks", heads);
  const int32_t* const tokens = args.absent(4) ? nullptr : args.ints(4, "tokens", args.product(rows, length));
  const size_t window = args.absent(6) ? length : std::min(args.count(6, "window", 1), length);
  const auto scale = static_cast<float>(args.number(7, "scale"));
  const auto starts = starts_of(args, 8, rows, queries, length);
  const int32_t* const from = starts.empty() ? nullptr : starts.data();
  if (!store) {
    const size_t all = args.product(args.product(rows, groups), length);
    const auto* const keys = reinterpret_cast<const uint8_t*>(args.floats(2, "keys", args.product(all, width)));
    const auto* const values = reinterpret_cast<const uint8_t*>(args.floats(3, "values", args.product(all, value_width)));
    const KeyValues kv = {KeyValueDtype::float32, rows * groups, length, width, value_width, value_width, length, 0, &keys, &values};
    attention({q, rows, heads, groups, queries, kv, tokens, window, scale, from, sinks}, out);
  } else {
    args.require(store->rows() == rows && store->heads() == groups && store->width() == width &&
                     store->value_width() == value_width,
                 "a store of the shape given");
    attention({q, rows, heads, groups, queries, store->view(), tokens, window, scale, from, sinks}, out);
  }
}

/**
 * attentionBack(gradQ, gradKeys, gradValues, q, keys, values, dy, tokens | null, starts | null, [rows, heads, groups, queries, positions, width,
 * value width], window | null, scale): gradQ as q, gradKeys as keys, gradValues as values, dy as what attention gives
 */
void attention_back_of(const Args& args) {
  const auto shape = args.ints(9, "shape");
  args.require(shape.length == 7, "a shape of seven numbers");
  for (size_t i = 0; i < 7; i++) args.require(shape.data[i] >= 1, "a shape of at least 1 in each axis");
  const auto axis = [&](size_t i) { return static_cast<size_t>(shape.data[i]); };
  const size_t rows = axis(0), heads = axis(1), groups = axis(2), queries = axis(3), length = axis(4), width = axis(5);
  const size_t value_width = axis(6);
  args.require(heads % groups == 0, "heads as a multiple of groups");
  args.require(length >= queries, "as many positions as queries");
  const size_t size = args.product(args.product(rows, heads), args.product(queries, width));
  const size_t all = args.product(args.product(rows, groups), args.product(length, width));
  const size_t all_values = args.product(args.product(rows, groups), args.product(length, value_width));
  const AttentionGradients to{args.floats(0, "gradQ", size), args.floats(1, "gradKeys", all), args.floats(2, "gradValues", all_values)};
  const float* const q = args.floats(3, "q", size);
  const auto* const keys = reinterpret_cast<const uint8_t*>(args.floats(4, "keys", all));
  const auto* const values = reinterpret_cast<const uint8_t*>(args.floats(5, "values", all_values));
  const float* const dy = args.floats(6, "dy", args.product(args.product(rows, heads), args.product(queries, value_width)));
  const int32_t* const tokens = args.absent(7) ? nullptr : args.ints(7, "tokens", args.product(rows, length));
  const auto starts = starts_of(args, 8, rows, queries, length);
  const size_t window = args.absent(10) ? length : std::min(args.count(10, "window", 1), length);
  const auto scale = static_cast<float>(args.number(11, "scale"));
  const KeyValues kv = {KeyValueDtype::float32, rows * groups, length, width, value_width, value_width, length, 0, &keys, &values};
  attention_back({q, rows, heads, groups, queries, kv, tokens, window, scale, starts.empty() ? nullptr : starts.data()}, dy, to);
}

}  // namespace

void export_attention(Napi::Object exports) {
  export_capturable(exports, "attention", attention_of);
  export_capturable(exports, "attentionBack", attention_back_of);
}

}  // namespace mixtape
