#pragma once
// Reading what JavaScript passes. Nothing touches memory that was not checked here: type, length and range of every argument.

#include <napi.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/mapping.h"
#include "core/key_value_store.h"
#include "core/weight.h"

namespace mixtape {

class CapturedGraph;

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

/** An argument, read once. */
struct Argument {
  enum class Kind : uint8_t { absent, number, boolean, floats, ints, doubles, bytes, weight, file, key_values, graph, other };
  Kind kind = Kind::absent;
  /** Of an array: that another thread can change it. */
  bool is_shared = false;
  bool flag = false;
  double number = 0;
  /** Name in messages; of an array, without its length. */
  const char* name = "undefined";
  void* data = nullptr;
  size_t length = 0;
  /** Object of a handle; null if it was released. */
  std::shared_ptr<const void> value;
};

Argument read_argument(Napi::Value value);
/** Describes an argument, for a message. */
std::string describe(const Argument& argument);

/** The arguments of one call. Each reader throws ArgumentError; `name` is what the argument is called there. */
class Args {
 public:
  /** Calls have fewer, but for JavaScript's that are wrong. */
  static constexpr size_t kMaxCount = 24;

  /** Of a call by JavaScript. */
  Args(const Napi::CallbackInfo& info, const char* where);
  /** Of a replayed call. */
  Args(const std::vector<Argument>& list, const char* where) : list_(list.data()), count_(list.size()), where_(where) {}
  Args(const Args&) = delete;
  Args& operator=(const Args&) = delete;

  /** Returns whether an argument is missing, undefined or null. */
  bool absent(size_t index) const { return at(index).kind == Argument::Kind::absent; }
  /** Returns whether it is a typed array. */
  bool is_array(size_t index) const;
  Span<float> floats(size_t index, const char* name) const;
  Span<int32_t> ints(size_t index, const char* name) const;
  Span<double> doubles(size_t index, const char* name) const;
  /** float32 or int32 values, to be copied as they are. */
  Span<uint32_t> buffer32(size_t index, const char* name) const;
  Span<uint8_t> bytes(size_t index, const char* name) const;
  /** Exactly `length` numbers. */
  float* floats(size_t index, const char* name, size_t length) const;
  int32_t* ints(size_t index, const char* name, size_t length) const;
  /** Checks that each index is below `count`. */
  void check_indices(Span<int32_t> values, size_t count, const char* name) const;
  /** Checks that each index is below `count`, or −1 for none. */
  void check_indices_or_none(Span<int32_t> values, size_t count, const char* name) const;
  /** An integer from `min` to `max`. */
  size_t count(size_t index, const char* name, size_t min = 0, size_t max = size_t{1} << 40) const;
  double number(size_t index, const char* name) const;
  /** Converts a number of an array to a size or a stride. */
  size_t to_size(double value, const char* name) const;
  bool boolean(size_t index, const char* name) const;
  std::string string(size_t index, const char* name) const;
  std::vector<Argument> array(size_t index, const char* name) const;

  Precision precision(size_t index) const;
  /** Its kind and the numbers of its formula, [kind, limit, alpha]. */
  Gating gating(size_t index) const;
  Dtype dtype(size_t index) const;

  /** Bytes or a file among the items of an array. */
  Span<uint8_t> bytes(const Argument& item, const char* name) const;
  std::shared_ptr<const Mapping> file(const Argument& item, const char* name) const;
  /** A weight that has not been released. */
  const Weight& weight(size_t index, const char* name) const;
  /** Fails where a weight among the arguments reads a file that was truncated: then what was computed is of zeros. */
  void check_files() const;
  CapturedGraph& graph(size_t index, const char* name) const;
  std::shared_ptr<CapturedGraph> shared_graph(size_t index, const char* name) const;
  /** A key-value store that has not been released. No other thread's call has it until this one ends. */
  KeyValueStore& key_value_store(size_t index, const char* name) const;
  /** A matrix of that shape: a weight of one part, or as many float32 numbers. */
  Matrix matrix(size_t index, const char* name, size_t rows, size_t columns) const;

  [[noreturn]] void fail(const std::string& expected, const std::string& got) const;
  /** `a · b`, or an error where that is too large to be a length. */
  size_t product(size_t a, size_t b) const;
  void require(bool holds, const char* expected) const;
  /** Checks that two arrays do not overlap: checked indices must not change while results are written. */
  template <class A, class B> void check_disjoint(Span<A> a, Span<B> b, const char* names) const {
    const auto first = [](auto span) { return reinterpret_cast<uintptr_t>(span.data); };
    const auto end = [](auto span) { return reinterpret_cast<uintptr_t>(span.data + span.length); };
    if (first(a) < end(b) && first(b) < end(a)) fail(std::string(names) + " in memory of their own", "arrays that overlap");
  }

 private:
  using Kind = Argument::Kind;
  template <class T> Span<T> span(const Argument& argument, Kind kind, const char* expected, const char* name) const;
  template <class T> T& handle(const Argument& argument, Kind kind, const char* expected, const char* name) const;
  void check_file(const Weight& weight) const;
  const Argument& at(size_t index) const;
  void read() const;
  mutable Argument own_[kMaxCount];
  const Argument* list_ = own_;
  size_t count_;
  const char* where_;
  const Napi::CallbackInfo* info_ = nullptr;
  /** Of the store of the call. The last member, so that it ends before the store may. */
  mutable std::unique_lock<std::mutex> store_lock_;
};

/** Makes a handle that keeps a value for JavaScript until it is released or collected. */
Napi::Object handle_of(Napi::Env env, Weight weight);
Napi::Object handle_of(Napi::Env env, std::shared_ptr<Mapping> file);
Napi::Object handle_of(Napi::Env env, std::shared_ptr<KeyValueStore> store);
Napi::Object handle_of(Napi::Env env, std::shared_ptr<CapturedGraph> graph);
/** Frees what a handle keeps; a handle that is used afterwards is an ArgumentError. */
void release(const Napi::CallbackInfo& info);

/** A function that returns nothing and depends on its arguments alone, so that a graph can replay it. */
using Capturable = void (*)(const Args&);
/** Adds one to the addon, and to those that a graph may hold. `name` must outlive the process. */
void export_capturable(Napi::Object exports, const char* name, Capturable function);
/** Returns the capturable function of that name, or null. */
const std::pair<const char*, Capturable>* find_capturable(const std::string& name);

/** Adds a function to the addon: errors that it throws become errors of JavaScript. */
void export_function(Napi::Object exports, const char* name, Napi::Value (*function)(const Napi::CallbackInfo&));

}  // namespace mixtape
