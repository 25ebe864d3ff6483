#pragma once
// Reading what JavaScript passes. Nothing touches memory that was not checked here: type, length and range of every argument.

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "core/mapping.h"
#include "core/slots.h"
#include "core/weight.h"

namespace mixtape {

/** An argument that does not fit. Becomes a NativeError in JavaScript. */
struct ArgumentError {
  std::string where;
  std::string expected;
  std::string got;
};

template <class T> struct Span {
  T* data;
  size_t length;
};

/** The arguments of one call. Each reader throws ArgumentError; `name` is what the argument is called there. */
class Args {
 public:
  Args(const Napi::CallbackInfo& info, const char* where) : info_(info), where_(where) {}

  /** Whether an argument is missing, undefined or null. */
  bool absent(size_t index) const;
  Span<float> floats(size_t index, const char* name) const;
  Span<int32_t> ints(size_t index, const char* name) const;
  Span<double> doubles(size_t index, const char* name) const;
  /** float32 or int32 numbers, to be moved as they are. */
  Span<uint32_t> words(size_t index, const char* name) const;
  Span<uint8_t> bytes(size_t index, const char* name) const;
  Span<uint8_t> bytes(Napi::Value value, const char* name) const;
  /** Exactly `length` numbers. */
  float* floats(size_t index, const char* name, size_t length) const;
  int32_t* ints(size_t index, const char* name, size_t length) const;
  /** That each of some indices is one of `count`. */
  void indices(Span<int32_t> values, size_t count, const char* name) const;
  /** A whole number from `least` to `most`. */
  size_t count(size_t index, const char* name, size_t least = 0, size_t most = size_t{1} << 40) const;
  double number(size_t index, const char* name) const;
  /** A number of an array as a size or a step. */
  size_t whole(double value, const char* name) const;
  bool flag(size_t index, const char* name) const;
  std::string text(size_t index, const char* name) const;
  /** Reading items may run JavaScript (getters), which may free what another argument points to: read arrays first. */
  std::vector<Napi::Value> array(size_t index, const char* name) const;

  Precision precision(size_t index) const;
  Activation activation(size_t index) const;
  Dtype dtype(size_t index) const;

  /** A weight that has not been released. */
  const Weight& weight(size_t index, const char* name) const;
  const Weight& weight(Napi::Value value, const char* name) const;
  std::shared_ptr<Mapping> file(Napi::Value value, const char* name) const;
  /** Slots that have not been released. */
  Slots& slots(size_t index, const char* name) const;
  /** A matrix of that shape: a weight of one part, or as many float32 numbers. */
  Matrix matrix(size_t index, const char* name, size_t rows, size_t columns) const;

  [[noreturn]] void fail(const std::string& expected, const std::string& got) const;
  /** `a · b`, or an error where that is too large to be a length. */
  size_t product(size_t a, size_t b) const;
  void require(bool holds, const char* expected) const;
  /** That two arrays lie apart: indices that were checked must stay what they are while results are written. */
  template <class A, class B> void apart(Span<A> a, Span<B> b, const char* names) const {
    const auto first = [](auto span) { return reinterpret_cast<uintptr_t>(span.data); };
    const auto end = [](auto span) { return reinterpret_cast<uintptr_t>(span.data + span.length); };
    if (first(a) < end(b) && first(b) < end(a)) fail(std::string(names) + " in memory of their own", "arrays that overlap");
  }

 private:
  template <class T> Span<T> span(Napi::Value value, napi_typedarray_type type, const char* expected, const char* name) const;
  Napi::Value at(size_t index) const { return index < info_.Length() ? info_[index] : info_.Env().Undefined(); }

  const Napi::CallbackInfo& info_;
  const char* where_;
};

/** What a value is, for a message. */
std::string describe(Napi::Value value);

/** Makes a handle that keeps a value for JavaScript until it is released or collected. */
Napi::Object handle_of(Napi::Env env, Weight weight);
Napi::Object handle_of(Napi::Env env, std::shared_ptr<Mapping> file);
Napi::Object handle_of(Napi::Env env, std::shared_ptr<Slots> slots);
/** Frees what a handle keeps; a handle that is used afterwards is an ArgumentError. */
void release(const Napi::CallbackInfo& info);

/** Adds a function to the addon: errors that it throws become errors of JavaScript. */
void export_function(Napi::Object exports, const char* name, Napi::Value (*function)(const Napi::CallbackInfo&));

}  // namespace mixtape
