// createSlots, appendSlots, dropFirstSlots, cropSlots, reorderSlots, readSlots, bytesOfSlots

#include <algorithm>

#include "bind/args.h"
#include "bind/exports.h"
#include "core/slots.h"
#include "kernels/table.h"

namespace mixtape {
namespace {

/** createSlots(dtype) → a handle */
Napi::Value create_slots(const Napi::CallbackInfo& info) {
  const Args args(info, "createSlots");
  const Dtype dtype = args.dtype(0);
  args.require(dtype != Dtype::float16, "float32 or bfloat16");
  return handle_of(info.Env(), std::make_shared<Slots>(dtype));
}

/** appendSlots(slots, keys, values, rows, heads, count, width): keys and values are [rows, heads, count, width] */
void append_slots(const Args& args) {
  Slots& slots = args.slots(0, "slots");
  const size_t rows = args.count(3, "rows", 1);
  const size_t heads = args.count(4, "heads", 1);
  const size_t count = args.count(5, "count");
  const size_t width = args.count(6, "width", 1);
  const size_t length = args.product(args.product(rows, heads), args.product(count, width));
  const float* const keys = args.floats(1, "keys", length);
  const float* const values = args.floats(2, "values", length);
  // What there is in a block of few slots is room for many.
  args.product(args.product(rows, heads), args.product(Slots::kBlock, width));
  args.require(slots.length() == 0 || (rows == slots.rows() && heads == slots.heads() && width == slots.width()),
               "rows, heads and width of the slots that there are");
  args.product(slots.length() + count, 1);
  slots.append(keys, values, rows, heads, count, width);
}

/** dropFirstSlots(slots, count) */
Napi::Value drop_first_slots(const Napi::CallbackInfo& info) {
  const Args args(info, "dropFirstSlots");
  Slots& slots = args.slots(0, "slots");
  slots.drop_first(args.count(1, "count", 0, slots.length()));
  return info.Env().Undefined();
}

/** cropSlots(slots, length) */
Napi::Value crop_slots(const Napi::CallbackInfo& info) {
  const Args args(info, "cropSlots");
  Slots& slots = args.slots(0, "slots");
  slots.crop(args.count(1, "length"));
  return info.Env().Undefined();
}

/** reorderSlots(slots, rows) */
Napi::Value reorder_slots(const Napi::CallbackInfo& info) {
  const Args args(info, "reorderSlots");
  Slots& slots = args.slots(0, "slots");
  const auto rows = args.ints(1, "rows");
  args.require(rows.length > 0, "rows of at least one");
  for (size_t i = 0; i < rows.length; i++)
    if (slots.length() > 0 && (rows.data[i] < 0 || static_cast<size_t>(rows.data[i]) >= slots.rows()))
      args.fail("rows below " + std::to_string(slots.rows()), std::to_string(rows.data[i]));
  args.product(args.product(rows.length, slots.heads()), args.product(2 * Slots::kBlock, slots.width()));
  slots.reorder(rows.data, rows.length);
  return info.Env().Undefined();
}

/** readSlots(out, slots, values): the keys, or where `values` the values, as float32 [rows, heads, length, width] */
Napi::Value read_slots(const Napi::CallbackInfo& info) {
  const Args args(info, "readSlots");
  const KeyValues slots = args.slots(1, "slots").view();
  const size_t size = slots.lanes * slots.length * slots.width;
  float* out = args.floats(0, "out", size);
  const uint8_t* const* const blocks = args.flag(2, "values") ? slots.values : slots.keys;
  for (size_t lane = 0; lane < slots.lanes; lane++) {
    for (size_t slot = 0; slot < slots.length;) {
      const size_t place = slots.first + slot;
      const size_t in_block = place % slots.block;
      const size_t count = std::min(slots.length - slot, slots.block - in_block);
      const size_t offset = (lane * slots.block + in_block) * slots.width * bytes_per_element(slots.dtype);
      kernels().decode(slots.dtype, blocks[place / slots.block] + offset, count * slots.width, out);
      out += count * slots.width;
      slot += count;
    }
  }
  return info.Env().Undefined();
}

/** bytesOfSlots(slots) → how many bytes their blocks take */
Napi::Value bytes_of_slots(const Napi::CallbackInfo& info) {
  const Args args(info, "bytesOfSlots");
  return Napi::Number::New(info.Env(), static_cast<double>(args.slots(0, "slots").bytes()));
}

}  // namespace

void export_slots(Napi::Object exports) {
  export_function(exports, "createSlots", create_slots);
  export_work(exports, "appendSlots", append_slots);
  export_function(exports, "dropFirstSlots", drop_first_slots);
  export_function(exports, "cropSlots", crop_slots);
  export_function(exports, "reorderSlots", reorder_slots);
  export_function(exports, "readSlots", read_slots);
  export_function(exports, "bytesOfSlots", bytes_of_slots);
}

}  // namespace mixtape
