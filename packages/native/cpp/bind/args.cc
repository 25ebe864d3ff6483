#include "bind/args.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "bind/environment.h"

namespace mixtape {
namespace {

constexpr napi_type_tag kTag = {0x6d69787461706521, 0x68616e646c650001};
/** Of an array: more than any model has experts or files. */
constexpr uint32_t kMaxItems = 1 << 20;

struct Handle {
  Argument::Kind kind;
  std::shared_ptr<const void> value;
};

Napi::Object make_handle(Napi::Env env, Argument::Kind kind, std::shared_ptr<const void> value) {
  Napi::Object object = Napi::Object::New(env);
  auto* const handle = new Handle{kind, std::move(value)};
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<Handle*>(data); };
  if (napi_wrap(env, object, handle, finalize, nullptr, nullptr) != napi_ok) {
    delete handle;
    throw Napi::Error::New(env);
  }
  if (napi_type_tag_object(env, object, &kTag) != napi_ok) throw Napi::Error::New(env);
  return object;
}

/** Null where an object is no handle. */
Handle* handle_in(napi_env env, napi_value object) {
  bool tagged = false;
  void* data = nullptr;
  const bool found = napi_check_object_type_tag(env, object, &kTag, &tagged) == napi_ok && tagged &&
                     napi_unwrap(env, object, &data) == napi_ok;
  return found ? static_cast<Handle*>(data) : nullptr;
}

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", value);
  return text;
}

/** Fills in what a typed array is. @returns whether it is one */
bool read_array(napi_env env, napi_value object, Argument& argument) {
  static constexpr struct {
    const char* name;
    Argument::Kind kind;
  } kTypes[] = {
      {"Int8Array", Argument::Kind::other},        {"Uint8Array", Argument::Kind::bytes},
      {"Uint8ClampedArray", Argument::Kind::other}, {"Int16Array", Argument::Kind::other},
      {"Uint16Array", Argument::Kind::other},      {"Int32Array", Argument::Kind::ints},
      {"Uint32Array", Argument::Kind::other},      {"Float32Array", Argument::Kind::floats},
      {"Float64Array", Argument::Kind::doubles},   {"BigInt64Array", Argument::Kind::other},
      {"BigUint64Array", Argument::Kind::other},
  };
  // An older Node leaves the type of arrays that are newer than itself as it was.
  auto type = static_cast<napi_typedarray_type>(15);
  napi_value buffer;
  if (napi_get_typedarray_info(env, object, &type, &argument.length, &argument.data, &buffer, nullptr) != napi_ok) return false;
  const auto index = static_cast<size_t>(type);
  argument.name = index < std::size(kTypes) ? kTypes[index].name : "typed array";
  argument.kind = index < std::size(kTypes) ? kTypes[index].kind : Argument::Kind::other;
  bool is_own = false;
  argument.is_shared = napi_is_arraybuffer(env, buffer, &is_own) != napi_ok || !is_own;
  // An empty array has an address too: none of what takes one is given null.
  alignas(64) static char nothing[64];
  if (!argument.data || argument.length == 0) {
    argument.data = nothing;
    argument.length = 0;
  }
  return true;
}

void read_object(napi_env env, napi_value object, Argument& argument) {
  argument.kind = Argument::Kind::other;
  if (read_array(env, object, argument)) return;
  argument.name = "an object";
  if (const Handle* const handle = handle_in(env, object)) {
    argument.kind = handle->kind;
    argument.value = handle->value;
    return;
  }
  bool is_array = false;
  uint32_t length = 0;
  if (napi_is_array(env, object, &is_array) == napi_ok && is_array && napi_get_array_length(env, object, &length) == napi_ok) {
    argument.name = "array";
    argument.length = length;
  }
}

}  // namespace

Argument read_argument(Napi::Value value) {
  Argument argument;
  napi_valuetype type = napi_undefined;
  if (!value.IsEmpty()) napi_typeof(value.Env(), value, &type);
  argument.kind = Argument::Kind::other;
  switch (type) {
    case napi_undefined:
      argument.kind = Argument::Kind::absent;
      break;
    case napi_null:
      argument.kind = Argument::Kind::absent;
      argument.name = "null";
      break;
    case napi_number:
      argument.kind = Argument::Kind::number;
      napi_get_value_double(value.Env(), value, &argument.number);
      break;
    case napi_boolean:
      argument.kind = Argument::Kind::boolean;
      napi_get_value_bool(value.Env(), value, &argument.flag);
      break;
    case napi_object:
      read_object(value.Env(), value, argument);
      break;
    default:
      argument.name = type == napi_string ? "a string" : type == napi_function ? "a function" : "something else";
  }
  return argument;
}

std::string describe(const Argument& argument) {
  if (argument.kind == Argument::Kind::number) return number_text(argument.number);
  if (argument.kind == Argument::Kind::boolean) return argument.flag ? "true" : "false";
  const std::string name = argument.name;
  // Of what has a length, the name stands without its article.
  if (!argument.data && name != "array") return name;
  return (name == "array" || name[0] == 'I' ? "an " : "a ") + name + " of " + std::to_string(argument.length);
}

Args::Args(const Napi::CallbackInfo& info, const char* where)
    : count_(std::min(info.Length(), kMaxCount)), where_(where), info_(&info) {
  read();
}

void Args::read() const {
  for (size_t i = 0; i < count_; i++) own_[i] = read_argument((*info_)[i]);
}

const Argument& Args::at(size_t index) const {
  static const Argument missing;
  return index < count_ ? list_[index] : missing;
}

bool Args::is_array(size_t index) const {
  const Argument& argument = at(index);
  return argument.data != nullptr;
}

void Args::fail(const std::string& expected, const std::string& got) const { throw ArgumentError{where_, expected, got}; }

void Args::require(bool holds, const char* expected) const {
  if (!holds) fail(expected, "other lengths");
}

size_t Args::product(size_t a, size_t b) const {
  size_t result;
  if (__builtin_mul_overflow(a, b, &result) || result > (size_t{1} << 48)) fail("a tensor that fits in memory", "a larger one");
  return result;
}

template <class T>
Span<T> Args::span(const Argument& argument, Kind kind, const char* expected, const char* name) const {
  if (argument.kind != kind) fail(std::string(name) + " as a " + expected, describe(argument));
  if (argument.is_shared)
    fail(std::string(name) + " in memory that no other thread can change", describe(argument) + " on a SharedArrayBuffer");
  return {static_cast<T*>(argument.data), argument.length};
}

Span<float> Args::floats(size_t index, const char* name) const {
  return span<float>(at(index), Kind::floats, "Float32Array", name);
}

Span<int32_t> Args::ints(size_t index, const char* name) const {
  return span<int32_t>(at(index), Kind::ints, "Int32Array", name);
}

Span<uint32_t> Args::buffer32(size_t index, const char* name) const {
  const bool is_int = at(index).kind == Kind::ints;
  return span<uint32_t>(at(index), is_int ? Kind::ints : Kind::floats, "Float32Array or Int32Array", name);
}

Span<double> Args::doubles(size_t index, const char* name) const {
  return span<double>(at(index), Kind::doubles, "Float64Array", name);
}

Span<uint8_t> Args::bytes(size_t index, const char* name) const { return bytes(at(index), name); }

Span<uint8_t> Args::bytes(const Argument& item, const char* name) const {
  return span<uint8_t>(item, Kind::bytes, "Uint8Array", name);
}

float* Args::floats(size_t index, const char* name, size_t length) const {
  const auto found = floats(index, name);
  if (found.length != length)
    fail(std::string(name) + " of " + std::to_string(length) + " numbers", std::to_string(found.length));
  return found.data;
}

int32_t* Args::ints(size_t index, const char* name, size_t length) const {
  const auto found = ints(index, name);
  if (found.length != length)
    fail(std::string(name) + " of " + std::to_string(length) + " numbers", std::to_string(found.length));
  return found.data;
}

void Args::check_indices(Span<int32_t> values, size_t count, const char* name) const {
  for (size_t i = 0; i < values.length; i++)
    if (values.data[i] < 0 || static_cast<size_t>(values.data[i]) >= count)
      fail(std::string(name) + " below " + std::to_string(count), std::to_string(values.data[i]));
}

void Args::check_indices_or_none(Span<int32_t> values, size_t count, const char* name) const {
  for (size_t i = 0; i < values.length; i++)
    if (values.data[i] < -1 || (values.data[i] >= 0 && static_cast<size_t>(values.data[i]) >= count))
      fail(std::string(name) + " below " + std::to_string(count) + ", or -1 for none", std::to_string(values.data[i]));
}

double Args::number(size_t index, const char* name) const {
  const Argument& argument = at(index);
  if (argument.kind != Kind::number) fail(std::string(name) + " as a number", describe(argument));
  return argument.number;
}

size_t Args::to_size(double value, const char* name) const {
  if (!(value >= 0 && value <= 0x1p48 && value == std::floor(value)))
    fail(std::string(name) + " as a whole number", number_text(value));
  return static_cast<size_t>(value);
}

size_t Args::count(size_t index, const char* name, size_t min, size_t max) const {
  const double value = number(index, name);
  if (!(value >= static_cast<double>(min) && value <= static_cast<double>(max) && value == std::floor(value)))
    fail(std::string(name) + " as a whole number from " + std::to_string(min) + " to " + std::to_string(max),
         number_text(value));
  return static_cast<size_t>(value);
}

bool Args::boolean(size_t index, const char* name) const {
  const Argument& argument = at(index);
  if (argument.kind != Kind::boolean) fail(std::string(name) + " as a boolean", describe(argument));
  return argument.flag;
}

std::string Args::string(size_t index, const char* name) const {
  const Napi::Value value = info_ && index < count_ ? (*info_)[index] : Napi::Value();
  if (value.IsEmpty() || !value.IsString()) fail(std::string(name) + " as a string", describe(at(index)));
  return value.As<Napi::String>().Utf8Value();
}

std::vector<Argument> Args::array(size_t index, const char* name) const {
  const Napi::Value value = info_ && index < count_ ? (*info_)[index] : Napi::Value();
  if (value.IsEmpty() || !value.IsArray()) fail(std::string(name) + " as an array", describe(at(index)));
  const auto array = value.As<Napi::Array>();
  const uint32_t length = array.Length();
  if (length > kMaxItems) fail(std::string(name) + " of at most " + std::to_string(kMaxItems), std::to_string(length));
  std::vector<Napi::Value> values(length);
  for (uint32_t i = 0; i < length; i++) values[i] = array.Get(i);
  // Getting may run JavaScript, which may free what was read before.
  read();
  std::vector<Argument> items(length);
  for (uint32_t i = 0; i < length; i++) items[i] = read_argument(values[i]);
  return items;
}

Precision Args::precision(size_t index) const { return static_cast<Precision>(count(index, "precision", 0, 1)); }

Gating Args::gating(size_t index) const {
  const float* const numbers = floats(index, "gating", 3);
  const float kind = numbers[0];
  if (!(kind >= 0 && kind < kGatings && kind == std::floor(kind))) fail("a gating", std::to_string(kind));
  return {static_cast<GatingKind>(kind), numbers[1], numbers[2]};
}

Dtype Args::dtype(size_t index) const { return static_cast<Dtype>(count(index, "dtype", 0, kDtypes - 1)); }

template <class T> T& Args::handle(const Argument& argument, Kind kind, const char* expected, const char* name) const {
  if (argument.kind != kind) fail(std::string(name) + " as " + expected, describe(argument));
  if (!argument.value) fail(std::string(name) + " as " + expected + " in use", "what was released");
  // It was made as a T; what JavaScript holds says nothing of constness.
  return *static_cast<T*>(const_cast<void*>(argument.value.get()));
}

const Weight& Args::weight(size_t index, const char* name) const {
  const Weight& found = handle<const Weight>(at(index), Kind::weight, "a weight", name);
  check_file(found);
  return found;
}

void Args::check_files() const {
  for (size_t i = 0; i < count_; i++)
    if (list_[i].kind == Kind::weight && list_[i].value) check_file(*static_cast<const Weight*>(list_[i].value.get()));
}

void Args::check_file(const Weight& weight) const {
  if (const Mapping* const file = weight.lost())
    fail("weights in " + file->path() + " as long as they are in use; load the model again",
         "a file that was truncated since it was loaded");
}

std::shared_ptr<const Mapping> Args::file(const Argument& item, const char* name) const {
  handle<const Mapping>(item, Kind::file, "a mapped file", name);
  return std::static_pointer_cast<const Mapping>(item.value);
}

KeyValueStore& Args::key_value_store(size_t index, const char* name) const {
  auto& store = handle<KeyValueStore>(at(index), Kind::key_values, "a key-value store", name);
  if (!store_lock_.owns_lock()) store_lock_ = std::unique_lock<std::mutex>(store.mutex());
  return store;
}

CapturedGraph& Args::graph(size_t index, const char* name) const {
  return handle<CapturedGraph>(at(index), Kind::graph, "a graph", name);
}

std::shared_ptr<CapturedGraph> Args::shared_graph(size_t index, const char* name) const {
  CapturedGraph& found = graph(index, name);
  return {at(index).value, &found};
}

Matrix Args::matrix(size_t index, const char* name, size_t rows, size_t columns) const {
  const auto expected = [&] { return std::string(name) + " [" + std::to_string(rows) + ", " + std::to_string(columns) + "]"; };
  if (is_array(index)) {
    const auto values = floats(index, name);
    if (values.length != product(rows, columns)) fail(expected(), std::to_string(values.length) + " numbers");
    return {Dtype::float32, reinterpret_cast<const uint8_t*>(values.data), rows, columns};
  }
  const Weight& found = weight(index, name);
  if (found.rows != rows || found.columns != columns || found.parts.size() != 1)
    fail(expected(), std::to_string(found.parts.size()) + " × [" + std::to_string(found.rows) + ", " +
                         std::to_string(found.columns) + "]");
  return found.matrix(0);
}

Napi::Object handle_of(Napi::Env env, Weight weight) {
  return make_handle(env, Argument::Kind::weight, std::make_shared<const Weight>(std::move(weight)));
}

Napi::Object handle_of(Napi::Env env, std::shared_ptr<Mapping> file) {
  return make_handle(env, Argument::Kind::file, std::move(file));
}

Napi::Object handle_of(Napi::Env env, std::shared_ptr<KeyValueStore> store) {
  return make_handle(env, Argument::Kind::key_values, std::move(store));
}

Napi::Object handle_of(Napi::Env env, std::shared_ptr<CapturedGraph> graph) {
  return make_handle(env, Argument::Kind::graph, std::move(graph));
}

void release(const Napi::CallbackInfo& info) {
  const Napi::Value value = info[0];
  Handle* const handle = value.IsObject() ? handle_in(info.Env(), value) : nullptr;
  if (!handle) throw ArgumentError{"release", "a handle", describe(read_argument(value))};
  handle->value.reset();
}

}  // namespace mixtape
