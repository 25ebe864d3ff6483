// attention

#include <algorithm>

#include "bind/args.h"
#include "bind/exports.h"
#include "core/slots.h"
#include "ops/attention.h"

namespace mixtape {
namespace {

/**
 * attention(out, q, keys, values, tokens | null, [rows, heads, groups, queries, slots, width], window | null, scale)
 *
 * q [rows, heads, queries, width]; keys are slots, with values null and the number of slots 0, or both are numbers
 * [rows, groups, slots, width]; tokens [rows, slots]; out [rows, queries, heads · width].
 */
void attention_of(const Args& args) {
  const auto shape = args.ints(5, "shape");
  args.require(shape.length == 6, "a shape of six numbers");
  const bool in_slots = args.absent(3);
  for (size_t i = 0; i < 6; i++) {
    if (i == 4 && in_slots) args.require(shape.data[i] == 0, "no number of slots beside slots");
    else args.require(shape.data[i] >= 1, "a shape of at least 1 in each axis");
  }
  const auto axis = [&](size_t i) { return static_cast<size_t>(shape.data[i]); };
  const size_t rows = axis(0), heads = axis(1), groups = axis(2), queries = axis(3), width = axis(5);
  const Slots* const slots = in_slots ? &args.slots(2, "keys") : nullptr;
  const size_t length = slots ? slots->length() : axis(4);
  args.require(heads % groups == 0, "heads as a multiple of groups");
  args.require(length >= queries, "as many slots as queries");
  const size_t size = args.product(args.product(rows, heads), args.product(queries, width));
  float* const out = args.floats(0, "out", size);
  const float* const q = args.floats(1, "q", size);
  const int32_t* const tokens = args.absent(4) ? nullptr : args.ints(4, "tokens", args.product(rows, length));
  const size_t window = args.absent(6) ? length : std::min(args.count(6, "window", 1), length);
  const auto scale = static_cast<float>(args.number(7, "scale"));
  if (!slots) {
    const size_t all = args.product(args.product(rows, groups), args.product(length, width));
    const auto* const keys = reinterpret_cast<const uint8_t*>(args.floats(2, "keys", all));
    const auto* const values = reinterpret_cast<const uint8_t*>(args.floats(3, "values", all));
    const KeyValues held = {Dtype::float32, rows * groups, length, width, length, 0, &keys, &values};
    attention({q, rows, heads, groups, queries, held, tokens, window, scale}, out);
  } else {
    args.require(slots->rows() == rows && slots->heads() == groups && slots->width() == width, "slots of the shape given");
    attention({q, rows, heads, groups, queries, slots->view(), tokens, window, scale}, out);
  }
}

}  // namespace

void export_attention(Napi::Object exports) { export_work(exports, "attention", attention_of); }

}  // namespace mixtape
