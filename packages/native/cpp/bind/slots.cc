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

/**
 * appendSlots(slots, keys, values | null, rows, heads, count, width, valueWidth): keys are [rows, heads, count, width], values
 * [rows, heads, count, valueWidth], or null where they are the first numbers of the keys
 */
void append_slots(const Args& args) {
  Slots& slots = args.slots(0, "slots");
  const size_t rows = args.count(3, "rows", 1);
  const size_t heads = args.count(4, "heads", 1);
  const size_t count = args.count(5, "count");
  const size_t width = args.count(6, "width", 1);
  const size_t value_width = args.count(7, "valueWidth", 1);
  const size_t lanes = args.product(args.product(rows, heads), count);
  const bool shares = args.absent(2);
  args.require(!shares || value_width <= width, "values as wide as their keys at most");
  const float* const keys = args.floats(1, "keys", args.product(lanes, width));
  const float* const values = shares ? nullptr : args.floats(2, "values", args.product(lanes, value_width));
  // What there is in a block of few slots is room for many.
  args.product(args.product(rows, heads), args.product(Slots::kBlock, width));
  args.product(args.product(rows, heads), args.product(Slots::kBlock, value_width));
  args.require(slots.length() == 0 || (rows == slots.rows() && heads == slots.heads() && width == slots.width() &&
                                       value_width == slots.value_width() && shares == slots.shares_values()),
               "rows, heads and widths of the slots that there are");
  args.product(slots.length() + count, 1);
  slots.append(keys, values, rows, heads, count, width, value_width);
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
  args.product(args.product(rows.length, slots.heads()), args.product(Slots::kBlock, slots.width() + slots.value_width()));
  slots.reorder(rows.data, rows.length);
  return info.Env().Undefined();
}

/** readSlots(out, slots, values): the keys as float32 [rows, heads, length, width], or where `values` the values */
Napi::Value read_slots(const Napi::CallbackInfo& info) {
  const Args args(info, "readSlots");
  const KeyValues slots = args.slots(1, "slots").view();
  const bool of_values = args.flag(2, "values");
  const size_t width = of_values ? slots.value_width : slots.width;
  const size_t stride = of_values ? slots.value_stride : slots.width;
  float* out = args.floats(0, "out", slots.lanes * slots.length * width);
  const uint8_t* const* const blocks = of_values ? slots.values : slots.keys;
  for (size_t lane = 0; lane < slots.lanes; lane++) {
    for (size_t slot = 0; slot < slots.length;) {
      const size_t place = slots.first + slot;
      const size_t in_block = place % slots.block;
      // Numbers that lie apart are read slot by slot.
      const size_t count = stride == width ? std::min(slots.length - slot, slots.block - in_block) : 1;
      const size_t offset = (lane * slots.block + in_block) * stride * bytes_per_element(slots.dtype);
      kernels().decode(slots.dtype, blocks[place / slots.block] + offset, count * width, out);
      out += count * width;
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
