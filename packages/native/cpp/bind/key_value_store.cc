// createKeyValueStore, appendKeyValues, evictKeyValues, truncateKeyValues, reorderKeyValues, readKeyValues, keyValueStoreBytes

#include <algorithm>

#include "bind/args.h"
#include "bind/exports.h"
#include "core/key_value_store.h"
#include "kernels/table.h"

namespace mixtape {
namespace {

/** createKeyValueStore(dtype) → a handle */
Napi::Value create_key_value_store(const Napi::CallbackInfo& info) {
  const Args args(info, "createKeyValueStore");
  const Dtype dtype = args.dtype(0);
  args.require(dtype != Dtype::float16, "float32 or bfloat16");
  return handle_of(info.Env(), std::make_shared<KeyValueStore>(dtype));
}

/**
 * appendKeyValues(store, keys, values | null, rows, heads, count, width, valueWidth): keys are [rows, heads, count, width], values
 * [rows, heads, count, valueWidth], or null where they are the first numbers of the keys
 */
void append_key_values(const Args& args) {
  KeyValueStore& store = args.key_value_store(0, "store");
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
  // A block of few positions has room for many.
  args.product(args.product(rows, heads), args.product(KeyValueStore::kBlock, width));
  args.product(args.product(rows, heads), args.product(KeyValueStore::kBlock, value_width));
  args.require(store.length() == 0 || (rows == store.rows() && heads == store.heads() && width == store.width() &&
                                       value_width == store.value_width() && shares == store.shares_values()),
               "rows, heads and widths of the stored positions");
  args.product(store.length() + count, 1);
  store.append(keys, values, rows, heads, count, width, value_width);
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
  args.product(args.product(rows.length, store.heads()), args.product(KeyValueStore::kBlock, store.width() + store.value_width()));
  store.reorder(rows.data, rows.length);
  return info.Env().Undefined();
}

/** readKeyValues(out, store, values): the keys as float32 [rows, heads, length, width], or where `values` the values */
Napi::Value read_key_values(const Napi::CallbackInfo& info) {
  const Args args(info, "readKeyValues");
  const KeyValues kv = args.key_value_store(1, "store").view();
  const bool of_values = args.boolean(2, "values");
  const size_t width = of_values ? kv.value_width : kv.width;
  const size_t stride = of_values ? kv.value_stride : kv.width;
  float* out = args.floats(0, "out", kv.lanes * kv.length * width);
  const uint8_t* const* const blocks = of_values ? kv.values : kv.keys;
  for (size_t lane = 0; lane < kv.lanes; lane++) {
    for (size_t position = 0; position < kv.length;) {
      const size_t at = kv.first + position;
      const size_t in_block = at % kv.block;
      // Values with a stride are read position by position.
      const size_t count = stride == width ? std::min(kv.length - position, kv.block - in_block) : 1;
      const size_t offset = (lane * kv.block + in_block) * bytes_of(kv.dtype, stride);
      kernels().decode(kv.dtype, blocks[at / kv.block] + offset, count * width, out);
      out += count * width;
      position += count;
    }
  }
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
  export_function(exports, "evictKeyValues", evict_key_values);
  export_function(exports, "truncateKeyValues", truncate_key_values);
  export_function(exports, "reorderKeyValues", reorder_key_values);
  export_function(exports, "readKeyValues", read_key_values);
  export_function(exports, "keyValueStoreBytes", key_value_store_bytes);
}

}  // namespace mixtape
