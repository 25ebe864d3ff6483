// openFile, mapWeight, copyWeight, splitWeight, decodeWeight, release

#include <cstring>
#include <new>

#include "bind/args.h"
#include "bind/exports.h"
#include "core/pool.h"
#include "kernels/table.h"
#include "ops/share.h"

namespace mixtape {
namespace {

/** openFile(path) → a handle of the mapped file */
Napi::Value open_file(const Napi::CallbackInfo& info) {
  const Args args(info, "openFile");
  return handle_of(info.Env(), Mapping::open(args.string(0, "path")));
}

/** mapWeight(dtype, rows, columns, files, offsets) → a handle; part i begins at byte offsets[i] of files[i] */
Napi::Value map_weight(const Napi::CallbackInfo& info) {
  const Args args(info, "mapWeight");
  const Dtype dtype = args.dtype(0);
  const size_t rows = args.count(1, "rows");
  const size_t columns = args.count(2, "columns");
  const size_t length = args.product(args.product(rows, columns), bytes_per_element(dtype));
  const std::vector<Argument> files = args.array(3, "files");
  const auto offsets = args.doubles(4, "offsets");
  if (offsets.length != files.size())
    args.fail(std::to_string(files.size()) + " offsets, one per file", std::to_string(offsets.length));
  Weight weight{dtype, rows, columns, {}, {}, {}};
  for (size_t i = 0; i < files.size(); i++) {
    const auto file = args.file(files[i], "files");
    const double offset = offsets.data[i];
    const bool inside = offset >= 0 && offset <= static_cast<double>(file->size()) && length <= file->size() &&
                        static_cast<size_t>(offset) <= file->size() - length;
    if (!inside || offset != static_cast<double>(static_cast<size_t>(offset)))
      args.fail("bytes inside of the file's " + std::to_string(file->size()),
                std::to_string(length) + " from " + std::to_string(offset) + " on");
    const uint8_t* const data = file->data() + static_cast<size_t>(offset);
    if (reinterpret_cast<uintptr_t>(data) % bytes_per_element(dtype) != 0)
      args.fail("an offset at a multiple of the element's bytes", std::to_string(offset));
    weight.parts.push_back(data);
    if (weight.owners.empty() || weight.owners.back() != file) {
      weight.owners.push_back(file);
      weight.mappings.push_back(file.get());
    }
  }
  return handle_of(info.Env(), std::move(weight));
}

/** copyWeight(dtype, rows, columns, parts) → a handle; parts are byte arrays, which are copied */
Napi::Value copy_weight(const Napi::CallbackInfo& info) {
  const Args args(info, "copyWeight");
  const Dtype dtype = args.dtype(0);
  const size_t rows = args.count(1, "rows");
  const size_t columns = args.count(2, "columns");
  const size_t length = args.product(args.product(rows, columns), bytes_per_element(dtype));
  const std::vector<Argument> parts = args.array(3, "parts");
  Weight weight{dtype, rows, columns, {}, {}, {}};
  for (const Argument& part : parts) {
    const auto bytes = args.bytes(part, "parts");
    if (bytes.length != length) args.fail("a Uint8Array of " + std::to_string(length), describe(part));
    static constexpr std::align_val_t alignment{64};
    std::shared_ptr<uint8_t> block(static_cast<uint8_t*>(::operator new(length > 0 ? length : 1, alignment)),
                                   [](uint8_t* data) { ::operator delete(data, alignment); });
    if (length > 0) std::memcpy(block.get(), bytes.data, length);
    weight.parts.push_back(block.get());
    weight.owners.push_back(std::move(block));
  }
  return handle_of(info.Env(), std::move(weight));
}

/** splitWeight(weight, count) → a handle of the same memory: each part as `count` parts of equally many rows */
Napi::Value split_weight(const Napi::CallbackInfo& info) {
  const Args args(info, "splitWeight");
  const Weight& weight = args.weight(0, "weight");
  const size_t count = args.count(1, "count", 1);
  if (weight.rows % count != 0) args.fail("a divisor of " + std::to_string(weight.rows) + " rows", std::to_string(count));
  const size_t rows = weight.rows / count;
  const size_t length = rows * weight.columns * bytes_per_element(weight.dtype);
  Weight split{weight.dtype, rows, weight.columns, {}, weight.owners, weight.mappings};
  for (const uint8_t* const part : weight.parts)
    for (size_t i = 0; i < count; i++) split.parts.push_back(part + i * length);
  return handle_of(info.Env(), std::move(split));
}

/** decodeWeight(out, weight): all parts as float32, one behind the other */
Napi::Value decode_weight(const Napi::CallbackInfo& info) {
  const Args args(info, "decodeWeight");
  const Weight& weight = args.weight(1, "weight");
  const size_t count = weight.rows * weight.columns;
  float* const out = args.floats(0, "out", args.product(weight.parts.size(), count));
  const Shares shares(count, kShareElements);
  for (size_t part = 0; part < weight.parts.size(); part++) {
    Pool::shared().run(shares.count, [&](size_t share) {
      const size_t from = shares.from(share);
      const uint8_t* const values = weight.parts[part] + from * bytes_per_element(weight.dtype);
      kernels().decode(weight.dtype, values, shares.to(share) - from, out + part * count + from);
    });
  }
  args.check_files();
  return info.Env().Undefined();
}

/** release(handle) */
Napi::Value release_handle(const Napi::CallbackInfo& info) {
  release(info);
  return info.Env().Undefined();
}

}  // namespace

void export_weights(Napi::Object exports) {
  export_function(exports, "openFile", open_file);
  export_function(exports, "mapWeight", map_weight);
  export_function(exports, "copyWeight", copy_weight);
  export_function(exports, "splitWeight", split_weight);
  export_function(exports, "decodeWeight", decode_weight);
  export_function(exports, "release", release_handle);
}

}  // namespace mixtape
