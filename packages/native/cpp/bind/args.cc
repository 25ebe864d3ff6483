#include "bind/args.h"

#include <cmath>
#include <cstdio>
#include <limits>

#include "bind/environment.h"

namespace mixtape {
namespace {

constexpr napi_type_tag kWeightTag = {0x6d69787461706521, 0x7765696768740001};
/** Of an array: more than any model has experts or files. */
constexpr uint32_t kMostItems = 1 << 20;

constexpr napi_type_tag kFileTag = {0x6d69787461706521, 0x66696c6500000001};
constexpr napi_type_tag kSlotsTag = {0x6d69787461706521, 0x736c6f7473000001};

template <class T> struct Handle {
  std::shared_ptr<T> value;
};

template <class T> Napi::Object make_handle(Napi::Env env, std::shared_ptr<T> value, const napi_type_tag& tag) {
  Napi::Object object = Napi::Object::New(env);
  auto* const handle = new Handle<T>{std::move(value)};
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<Handle<T>*>(data); };
  if (napi_wrap(env, object, handle, finalize, nullptr, nullptr) != napi_ok) {
    delete handle;
    throw Napi::Error::New(env);
  }
  if (napi_type_tag_object(env, object, &tag) != napi_ok) throw Napi::Error::New(env);
  return object;
}

template <class T> Handle<T>* handle_in(Napi::Value value, const napi_type_tag& tag) {
  if (!value.IsObject()) return nullptr;
  bool tagged = false;
  void* data = nullptr;
  const bool found = napi_check_object_type_tag(value.Env(), value, &tag, &tagged) == napi_ok && tagged &&
                     napi_unwrap(value.Env(), value, &data) == napi_ok;
  return found ? static_cast<Handle<T>*>(data) : nullptr;
}

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", value);
  return text;
}

}  // namespace

std::string describe(Napi::Value value) {
  if (value.IsUndefined()) return "undefined";
  if (value.IsNull()) return "null";
  if (value.IsNumber()) return number_text(value.As<Napi::Number>().DoubleValue());
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value() ? "true" : "false";
  if (value.IsString()) return "a string";
  if (value.IsTypedArray()) {
    static constexpr const char* kNames[] = {"Int8Array",  "Uint8Array",   "Uint8ClampedArray", "Int16Array",
                                             "Uint16Array", "Int32Array",  "Uint32Array",       "Float32Array",
                                             "Float64Array", "BigInt64Array", "BigUint64Array"};
    const auto array = value.As<Napi::TypedArray>();
    const auto type = static_cast<size_t>(array.TypedArrayType());
    const std::string name = type < std::size(kNames) ? kNames[type] : "typed array";
    return "a " + name + " of " + std::to_string(array.ElementLength());
  }
  if (value.IsArray()) return "an array of " + std::to_string(value.As<Napi::Array>().Length());
  return value.IsFunction() ? "a function" : value.IsObject() ? "an object" : "something else";
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

bool Args::absent(size_t index) const {
  const Napi::Value value = at(index);
  return value.IsUndefined() || value.IsNull();
}

template <class T>
Span<T> Args::span(Napi::Value value, napi_typedarray_type wanted, const char* expected, const char* name) const {
  // An older Node leaves the type of arrays that are newer than itself as it was.
  auto type = static_cast<napi_typedarray_type>(-1);
  size_t length;
  void* data;
  napi_value buffer;
  if (napi_get_typedarray_info(value.Env(), value, &type, &length, &data, &buffer, nullptr) != napi_ok || type != wanted)
    fail(std::string(name) + " as a " + expected, describe(value));
  bool is_own = false;
  if (napi_is_arraybuffer(value.Env(), buffer, &is_own) != napi_ok || !is_own)
    fail(std::string(name) + " in memory that no other thread can change", describe(value) + " on a SharedArrayBuffer");
  // An empty array has an address too: none of what takes one is given null.
  alignas(64) static char nothing[64];
  if (!data || length == 0) return {reinterpret_cast<T*>(nothing), 0};
  return {static_cast<T*>(data), length};
}

Span<float> Args::floats(size_t index, const char* name) const {
  return span<float>(at(index), napi_float32_array, "Float32Array", name);
}

Span<int32_t> Args::ints(size_t index, const char* name) const {
  return span<int32_t>(at(index), napi_int32_array, "Int32Array", name);
}

Span<uint32_t> Args::words(size_t index, const char* name) const {
  const Napi::Value value = at(index);
  napi_typedarray_type type;
  const bool is_int = napi_get_typedarray_info(value.Env(), value, &type, nullptr, nullptr, nullptr, nullptr) == napi_ok &&
                      type == napi_int32_array;
  return span<uint32_t>(value, is_int ? napi_int32_array : napi_float32_array, "Float32Array or Int32Array", name);
}

Span<double> Args::doubles(size_t index, const char* name) const {
  return span<double>(at(index), napi_float64_array, "Float64Array", name);
}

Span<uint8_t> Args::bytes(size_t index, const char* name) const { return bytes(at(index), name); }

Span<uint8_t> Args::bytes(Napi::Value value, const char* name) const {
  return span<uint8_t>(value, napi_uint8_array, "Uint8Array", name);
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

void Args::indices(Span<int32_t> values, size_t count, const char* name) const {
  for (size_t i = 0; i < values.length; i++)
    if (values.data[i] < 0 || static_cast<size_t>(values.data[i]) >= count)
      fail(std::string(name) + " below " + std::to_string(count), std::to_string(values.data[i]));
}

double Args::number(size_t index, const char* name) const {
  const Napi::Value value = at(index);
  if (!value.IsNumber()) fail(std::string(name) + " as a number", describe(value));
  return value.As<Napi::Number>().DoubleValue();
}

size_t Args::whole(double value, const char* name) const {
  if (!(value >= 0 && value <= 0x1p48 && value == std::floor(value)))
    fail(std::string(name) + " as a whole number", number_text(value));
  return static_cast<size_t>(value);
}

size_t Args::count(size_t index, const char* name, size_t least, size_t most) const {
  const double value = number(index, name);
  if (!(value >= static_cast<double>(least) && value <= static_cast<double>(most) && value == std::floor(value)))
    fail(std::string(name) + " as a whole number from " + std::to_string(least) + " to " + std::to_string(most),
         number_text(value));
  return static_cast<size_t>(value);
}

bool Args::flag(size_t index, const char* name) const {
  const Napi::Value value = at(index);
  if (!value.IsBoolean()) fail(std::string(name) + " as a boolean", describe(value));
  return value.As<Napi::Boolean>().Value();
}

std::string Args::text(size_t index, const char* name) const {
  const Napi::Value value = at(index);
  if (!value.IsString()) fail(std::string(name) + " as a string", describe(value));
  return value.As<Napi::String>().Utf8Value();
}

std::vector<Napi::Value> Args::array(size_t index, const char* name) const {
  const Napi::Value value = at(index);
  if (!value.IsArray()) fail(std::string(name) + " as an array", describe(value));
  const auto array = value.As<Napi::Array>();
  const uint32_t length = array.Length();
  if (length > kMostItems) fail(std::string(name) + " of at most " + std::to_string(kMostItems), std::to_string(length));
  std::vector<Napi::Value> items(length);
  for (uint32_t i = 0; i < length; i++) items[i] = array.Get(i);
  return items;
}

Precision Args::precision(size_t index) const { return static_cast<Precision>(count(index, "precision", 0, 1)); }

Activation Args::activation(size_t index) const { return static_cast<Activation>(count(index, "activation", 0, 4)); }

Dtype Args::dtype(size_t index) const { return static_cast<Dtype>(count(index, "dtype", 0, kDtypes - 1)); }

const Weight& Args::weight(Napi::Value value, const char* name) const {
  const auto* const handle = handle_in<const Weight>(value, kWeightTag);
  if (!handle) fail(std::string(name) + " as a weight", describe(value));
  if (!handle->value) fail(std::string(name) + " as a weight in use", "one that was released");
  return *handle->value;
}

const Weight& Args::weight(size_t index, const char* name) const { return weight(at(index), name); }

std::shared_ptr<Mapping> Args::file(Napi::Value value, const char* name) const {
  const auto* const handle = handle_in<Mapping>(value, kFileTag);
  if (!handle) fail(std::string(name) + " as a mapped file", describe(value));
  if (!handle->value) fail(std::string(name) + " as a mapped file in use", "one that was released");
  return handle->value;
}

Slots& Args::slots(size_t index, const char* name) const {
  const auto* const handle = handle_in<Slots>(at(index), kSlotsTag);
  if (!handle) fail(std::string(name) + " as slots", describe(at(index)));
  if (!handle->value) fail(std::string(name) + " as slots in use", "some that were released");
  return *handle->value;
}

Matrix Args::matrix(size_t index, const char* name, size_t rows, size_t columns) const {
  const std::string expected = std::string(name) + " [" + std::to_string(rows) + ", " + std::to_string(columns) + "]";
  if (at(index).IsTypedArray()) {
    const auto values = floats(index, name);
    if (values.length != product(rows, columns)) fail(expected, std::to_string(values.length) + " numbers");
    return {Dtype::float32, reinterpret_cast<const uint8_t*>(values.data), rows, columns};
  }
  const Weight& found = weight(index, name);
  if (found.rows != rows || found.columns != columns || found.parts.size() != 1)
    fail(expected, std::to_string(found.parts.size()) + " × [" + std::to_string(found.rows) + ", " +
                       std::to_string(found.columns) + "]");
  return found.matrix(0);
}

Napi::Object handle_of(Napi::Env env, Weight weight) {
  return make_handle<const Weight>(env, std::make_shared<const Weight>(std::move(weight)), kWeightTag);
}

Napi::Object handle_of(Napi::Env env, std::shared_ptr<Mapping> file) {
  return make_handle<Mapping>(env, std::move(file), kFileTag);
}

Napi::Object handle_of(Napi::Env env, std::shared_ptr<Slots> slots) {
  return make_handle<Slots>(env, std::move(slots), kSlotsTag);
}

void release(const Napi::CallbackInfo& info) {
  const Napi::Value value = info[0];
  if (auto* const weight = handle_in<const Weight>(value, kWeightTag)) {
    weight->value.reset();
  } else if (auto* const file = handle_in<Mapping>(value, kFileTag)) {
    file->value.reset();
  } else if (auto* const slots = handle_in<Slots>(value, kSlotsTag)) {
    slots->value.reset();
  } else {
    throw ArgumentError{"release", "a weight, a mapped file or slots", describe(value)};
  }
}

}  // namespace mixtape
