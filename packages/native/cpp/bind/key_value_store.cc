// createKeyValueStore, appendKeyValues, appendKeyValueCodes, evictKeyValues, truncateKeyValues, reorderKeyValues, readKeyValues,
// readKeyValueCodes, keyValueStoreBytes

#include <algorithm>

#include "bind/args.h"
#include "bind/exports.h"
#include "core/key_value_store.h"
#include "kernels/table.h"

namespace mixtape {
namespace {

/** createKeyValueStore(dtype) → a handle; 0 is float32, 1 bfloat16, 2 int8 */
Napi::Value create_key_value_store(const Napi::CallbackInfo& info) {
  const Args args(info, "createKeyValueStore");
  const auto dtype = static_cast<KeyValueDtype>(args.count(0, "dtype", 0, kKeyValueDtypes - 1));
  return handle_of(info.Env(), std::make_shared<KeyValueStore>(dtype));
}

/** Shape of positions to append: arguments from `first` on. */
struct Appended {
  size_t rows;
  size_t heads;
  size_t count;
  size_t width;
  size_t value_width;
  /** Positions of all lanes. */
  size_t positions;

  Appended(const Args& args, size_t first, const KeyValueStore& store, bool shares)
      : rows(args.count(first, "rows", 1)),
        heads(args.count(first + 1, "heads", 1)),
        count(args.count(first + 2, "count")),
        width(args.count(first + 3, "width", 1)),
        value_width(args.count(first + 4, "valueWidth", 1)),
        positions(args.product(args.product(rows, heads), count)) {
    args.require(!shares || value_width <= width, "values as wide as their keys at most");
    // A block of few positions has room for many, each with two scales.
    args.product(args.product(rows, heads), args.product(KeyValueStore::kBlock, width));
    args.product(args.product(rows, heads), args.product(KeyValueStore::kBlock, value_width + 2));
    args.require(store.length() == 0 || (rows == store.rows() && heads == store.heads() && width == store.width() &&
                                         value_width == store.value_width() && shares == store.shares_values()),
                 "rows, heads and widths of the stored positions");
    args.product(store.length() + count, 1);
  }
};

/**
 * appendKeyValues(store, keys, values | null, rows, heads, count, width, valueWidth): keys are [rows, heads, count, width], values
 * [rows, heads, count, valueWidth], or null where they are the first numbers of the keys
 */
void append_key_values(const Args& args) {
  KeyValueStore& store = args.key_value_store(0, "store");
  const Appended added(args, 3, store, args.absent(2));
  const float* const keys = args.floats(1, "keys", args.product(added.positions, added.width));
  const float* const values = args.absent(2) ? nullptr : args.floats(2, "values", args.product(added.positions, added.value_width));
  store.append(keys, values, added.rows, added.heads, added.count, added.width, added.value_width);
}

/**
 * appendKeyValueCodes(store, keys, keyScales, values | null, valueScales | null, rows, heads, count, width, valueWidth): codes of a store
 * of int8, as int32, with one scale of each position of a head
 */
Napi::Value append_key_value_codes(const Napi::CallbackInfo& info) {
  const Args args(info, "appendKeyValueCodes");
  KeyValueStore& store = args.key_value_store(0, "store");
  args.require(store.dtype() == KeyValueDtype::int8, "a store of int8");
  const bool shares = args.absent(3);
  const Appended added(args, 5, store, shares);
  const auto codes = [&](size_t index, const char* name, size_t width) {
    const size_t size = args.product(added.positions, width);
    const int32_t* const all = args.ints(index, name, size);
    args.require(std::all_of(all, all + size, [](int32_t code) { return code >= -128 && code <= 127; }), "codes from -128 to 127");
    return KeyValueCodes{all, args.floats(index + 1, "scales", added.positions)};
  };
  const KeyValueCodes keys = codes(1, "keys", added.width);
  if (shares) args.require(args.absent(4), "no scales of values beside none");
  const KeyValueCodes values = shares ? KeyValueCodes{} : codes(3, "values", added.value_width);
  store.append_codes(keys, shares ? nullptr : &values, added.rows, added.heads, added.count, added.width, added.value_width);
  return info.Env().Undefined();
}

/** evictKeyValues(store, count) */
Napi::Value evict_key_values(const Napi::CallbackInfo& info) {
  const Args args(info, "evictKeyValues");
  KeyValueStore& store = args.key_value_store(0, "store");
  store.evict(args.count(1, "count", 0, store.length()));
  return info.Env().Undefined();
}

/** truncateKeyValues(store, length) */
Napi::Value truncate_key_values(const Napi::CallbackInfo& info) {
  const Args args(info, "truncateKeyValues");
  KeyValueStore& store = args.key_value_store(0, "store");
  store.truncate(args.count(1, "length"));
  return info.Env().Undefined();
}

/** reorderKeyValues(store, rows) */
Napi::Value reorder_key_values(const Napi::CallbackInfo& info) {
  const Args args(info, "reorderKeyValues");
  KeyValueStore& store = args.key_value_store(0, "store");
  const auto rows = args.ints(1, "rows");
  args.require(rows.length > 0, "rows of at least one");
  for (size_t i = 0; i < rows.length; i++)
    if (store.length() > 0 && (rows.data[i] < 0 || static_cast<size_t>(rows.data[i]) >= store.rows()))
      args.fail("rows below " + std::to_string(store.rows()), std::to_string(rows.data[i]));
  args.product(args.product(rows.length, store.heads()), args.product(KeyValueStore::kBlock, store.width() + store.value_width() + 2));
  store.reorder(rows.data, rows.length);
  return info.Env().Undefined();
}

/** Calls `read(data, scales, count)` for runs of positions of keys or of values, lane by lane. */
template <class Read> void for_each_run(const KeyValues& kv, bool of_values, const Read& read) {
  const size_t stride = of_values ? kv.value_stride : kv.width;
  const uint8_t* const* const blocks = of_values ? kv.values : kv.keys;
  const float* const* const scales = of_values ? kv.value_scales : kv.key_scales;
  for (size_t lane = 0; lane < kv.lanes; lane++) {
    for (size_t position = 0; position < kv.length;) {
      const size_t at = kv.first + position;
      const size_t count = std::min(kv.length - position, kv.block - at % kv.block);
      const size_t row = lane * kv.block + at % kv.block;
      const float* const own_scales = kv.dtype == KeyValueDtype::int8 ? scales[at / kv.block] + row : nullptr;
      read(blocks[at / kv.block] + bytes_of(kv.dtype, row * stride), own_scales, count);
      position += count;
    }
  }
}

/** readKeyValues(out, store, values): the keys as float32 [rows, heads, length, width], or where `values` the values */
Napi::Value read_key_values(const Napi::CallbackInfo& info) {
  const Args args(info, "readKeyValues");
  const KeyValues kv = args.key_value_store(1, "store").view();
  const bool of_values = args.boolean(2, "values");
  const size_t width = of_values ? kv.value_width : kv.width;
  const size_t stride = of_values ? kv.value_stride : kv.width;
  float* out = args.floats(0, "out", kv.lanes * kv.length * width);
  for_each_run(kv, of_values, [&](const uint8_t* data, const float* scales, size_t count) {
    kernels().attention.decode(kv.dtype, data, scales, count, stride, width, out);
    out += count * width;
  });
  return info.Env().Undefined();
}

/** readKeyValueCodes(codes, scales, store, values): those of a store of int8, as `appendKeyValueCodes` takes them */
Napi::Value read_key_value_codes(const Napi::CallbackInfo& info) {
  const Args args(info, "readKeyValueCodes");
  const KeyValueStore& store = args.key_value_store(2, "store");
  args.require(store.dtype() == KeyValueDtype::int8, "a store of int8");
  const KeyValues kv = store.view();
  const bool of_values = args.boolean(3, "values");
  const size_t width = of_values ? kv.value_width : kv.width;
  const size_t stride = of_values ? kv.value_stride : kv.width;
  int32_t* codes = args.ints(0, "codes", kv.lanes * kv.length * width);
  float* scales = args.floats(1, "scales", kv.lanes * kv.length);
  for_each_run(kv, of_values, [&](const uint8_t* data, const float* own_scales, size_t count) {
    for (size_t row = 0; row < count; row++) {
      const auto* const from = reinterpret_cast<const int8_t*>(data) + row * stride;
      codes = std::copy(from, from + width, codes);
    }
    scales = std::copy_n(own_scales, count, scales);
  });
  return info.Env().Undefined();
}

/** keyValueStoreBytes(store) → how many bytes their blocks take */
Napi::Value key_value_store_bytes(const Napi::CallbackInfo& info) {
  const Args args(info, "keyValueStoreBytes");
  return Napi::Number::New(info.Env(), static_cast<double>(args.key_value_store(0, "store").bytes()));
}

}  // namespace

void export_key_value_store(Napi::Object exports) {
  export_function(exports, "createKeyValueStore", create_key_value_store);
  export_capturable(exports, "appendKeyValues", append_key_values);
  export_function(exports, "appendKeyValueCodes", append_key_value_codes);
  export_function(exports, "evictKeyValues", evict_key_values);
  export_function(exports, "truncateKeyValues", truncate_key_values);
  export_function(exports, "reorderKeyValues", reorder_key_values);
  export_function(exports, "readKeyValues", read_key_values);
  export_function(exports, "readKeyValueCodes", read_key_value_codes);
  export_function(exports, "keyValueStoreBytes", key_value_store_bytes);
}

}  // namespace mixtape
