// openFile, mapWeight, limitExperts, expertMemory, copyWeight, splitWeight, decodeWeight, release

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

/** Format and shape of a weight: the arguments dtype, rows, columns. */
struct Format {
  Dtype dtype;
  size_t rows;
  size_t columns;
  size_t bytes;

  Format(const Args& args) : dtype(args.dtype(0)), rows(args.count(1, "rows")), columns(args.count(2, "columns")) {
    const Block block = block_of(dtype);
    if (columns % block.elements != 0) args.fail("columns as a multiple of " + std::to_string(block.elements), std::to_string(columns));
    bytes = args.product(args.product(rows, columns / block.elements), block.bytes);
  }
};

/** Format of scales in a plane of their own: the arguments scaleDtype and group, from `first` on; no group where they are absent. */
struct ScaleFormat {
  Dtype dtype = Dtype::bfloat16;
  size_t group = 0;
  size_t bytes = 0;

  ScaleFormat(const Args& args, size_t first, const Format& of) {
    const bool is_planar = of.dtype == Dtype::int4 || of.dtype == Dtype::int8;
    args.require(args.absent(first) != is_planar, is_planar ? "scales" : "no scales");
    if (!is_planar) return;
    dtype = args.dtype(first);
    args.require(dtype == Dtype::bfloat16 || dtype == Dtype::float16, "scales in bfloat16 or float16");
    group = args.count(first + 1, "group", 32);
    args.require(group % 32 == 0 && of.columns % group == 0, "a group as a multiple of 32 that divides the columns");
    bytes = args.product(args.product(of.rows, of.columns / group), 2);
  }
};

/** Memory in a mapped file. */
struct Place {
  std::shared_ptr<const Mapping> file;
  const uint8_t* data;
};

/** Places of so many bytes: item i begins at byte offsets[i] of files[i]. */
std::vector<Place> places(const Args& args, size_t files_at, size_t bytes, size_t alignment) {
  const std::vector<Argument> files = args.array(files_at, "files");
  const auto offsets = args.doubles(files_at + 1, "offsets");
  if (offsets.length != files.size())
    args.fail(std::to_string(files.size()) + " offsets, one per file", std::to_string(offsets.length));
  std::vector<Place> all;
  for (size_t i = 0; i < files.size(); i++) {
    const auto file = args.file(files[i], "files");
    const double offset = offsets.data[i];
    const bool inside = offset >= 0 && offset <= static_cast<double>(file->size()) && bytes <= file->size() &&
                        static_cast<size_t>(offset) <= file->size() - bytes;
    if (!inside || offset != static_cast<double>(static_cast<size_t>(offset)))
      args.fail("bytes inside of the file's " + std::to_string(file->size()),
                std::to_string(bytes) + " from " + std::to_string(offset) + " on");
    const uint8_t* const data = file->data() + static_cast<size_t>(offset);
    if (reinterpret_cast<uintptr_t>(data) % alignment != 0)
      args.fail("an offset at a multiple of the element's bytes", std::to_string(offset));
    all.push_back({file, data});
  }
  return all;
}

void keep(Weight& weight, const std::shared_ptr<const Mapping>& file) {
  if (!weight.owners.empty() && weight.owners.back() == file) return;
  weight.owners.push_back(file);
  weight.mappings.push_back(file.get());
}

/**
 * mapWeight(dtype, rows, columns, files, offsets, scaleDtype | null, group, scaleFiles, scaleOffsets, isExperts) → a handle; part i
 * begins at byte offsets[i] of files[i], and its scales at byte scaleOffsets[i] of scaleFiles[i]. Experts need not all be in memory.
 */
Napi::Value map_weight(const Napi::CallbackInfo& info) {
  const Args args(info, "mapWeight");
  const Format format(args);
  const ScaleFormat scales(args, 5, format);
  Weight weight{format.dtype, format.rows, format.columns, {}, {}, {}, {}};
  CachedStack stack;
  // Quantised numbers are read byte by byte.
  for (const Place& place : places(args, 3, format.bytes, is_quantized(format.dtype) ? 1 : bytes_of(format.dtype, 1))) {
    weight.parts.push_back(place.data);
    stack.emplace_back().places.push_back({place.file.get(), place.data, format.bytes});
    keep(weight, place.file);
  }
  if (scales.group > 0) {
    for (const Place& place : places(args, 7, scales.bytes, 1)) {
      if (weight.scales.size() < stack.size()) stack[weight.scales.size()].places.push_back({place.file.get(), place.data, scales.bytes});
      weight.scales.push_back({place.data, scales.group, scales.dtype});
      keep(weight, place.file);
    }
    args.require(weight.scales.size() == weight.parts.size(), "scales for every part");
  }
  if (!args.absent(9) && args.boolean(9, "isExperts")) weight.cached = ExpertCache::shared().add(std::move(stack));
  return handle_of(info.Env(), std::move(weight));
}

/** limitExperts(bytes): memory of all mapped experts together */
Napi::Value limit_experts(const Napi::CallbackInfo& info) {
  const Args args(info, "limitExperts");
  ExpertCache::shared().set_limit(args.count(0, "bytes", 0, size_t{1} << 53));
  return info.Env().Undefined();
}

/** expertMemory() → { active, used, read, readBytes, dropped, residentBytes } */
Napi::Value expert_memory(const Napi::CallbackInfo& info) {
  const ExpertCache::Counts counts = ExpertCache::shared().counts();
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("active", ExpertCache::shared().is_active());
  out.Set("used", static_cast<double>(counts.used));
  out.Set("read", static_cast<double>(counts.read));
  out.Set("readBytes", static_cast<double>(counts.read_bytes));
  out.Set("dropped", static_cast<double>(counts.dropped));
  out.Set("residentBytes", static_cast<double>(counts.resident_bytes));
  return out;
}

/** Copies bytes to memory of their own. */
std::shared_ptr<const uint8_t> copy(const Args& args, const Argument& part, size_t length) {
  const auto bytes = args.bytes(part, "parts");
  if (bytes.length != length) args.fail("a Uint8Array of " + std::to_string(length), describe(part));
  static constexpr std::align_val_t alignment{64};
  std::shared_ptr<uint8_t> block(static_cast<uint8_t*>(::operator new(length > 0 ? length : 1, alignment)),
                                 [](uint8_t* data) { ::operator delete(data, alignment); });
  if (length > 0) std::memcpy(block.get(), bytes.data, length);
  return block;
}

/**
 * copyWeight(dtype, rows, columns, parts, scaleDtype | null, group, scales) → a handle; parts and their scales are byte arrays, which are
 * copied
 */
Napi::Value copy_weight(const Napi::CallbackInfo& info) {
  const Args args(info, "copyWeight");
  const Format format(args);
  const ScaleFormat scales(args, 4, format);
  Weight weight{format.dtype, format.rows, format.columns, {}, {}, {}, {}};
  for (const Argument& part : args.array(3, "parts")) {
    auto block = copy(args, part, format.bytes);
    weight.parts.push_back(block.get());
    weight.owners.push_back(std::move(block));
  }
  if (scales.group > 0) {
    for (const Argument& part : args.array(6, "scales")) {
      auto block = copy(args, part, scales.bytes);
      weight.scales.push_back({block.get(), scales.group, scales.dtype});
      weight.owners.push_back(std::move(block));
    }
    args.require(weight.scales.size() == weight.parts.size(), "scales for every part");
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
  Weight split{weight.dtype, rows, weight.columns, {}, {}, weight.owners, weight.mappings};
  for (size_t part = 0; part < weight.parts.size(); part++)
    for (size_t i = 0; i < count; i++) {
      const Matrix rows_of_part = weight.matrix(part).slice(i * rows, (i + 1) * rows);
      split.parts.push_back(rows_of_part.data);
      if (!weight.scales.empty()) split.scales.push_back(rows_of_part.scales);
    }
  return handle_of(info.Env(), std::move(split));
}

/** decodeWeight(out, weight): all parts as float32, one behind the other */
Napi::Value decode_weight(const Napi::CallbackInfo& info) {
  const Args args(info, "decodeWeight");
  const Weight& weight = args.weight(1, "weight");
  const size_t count = weight.rows * weight.columns;
  float* const out = args.floats(0, "out", args.product(weight.parts.size(), count));
  for (size_t part = 0; part < weight.parts.size(); part++) {
    const Matrix matrix = weight.matrix(part);
    for_rows(weight.rows, weight.columns, [&](size_t from, size_t to) {
      for (size_t row = from; row < to; row++) kernels().decode_row(matrix, row, out + part * count + row * weight.columns);
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
  export_function(exports, "limitExperts", limit_experts);
  export_function(exports, "expertMemory", expert_memory);
  export_function(exports, "splitWeight", split_weight);
  export_function(exports, "decodeWeight", decode_weight);
  export_function(exports, "release", release_handle);
}

}  // namespace mixtape
