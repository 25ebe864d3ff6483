#pragma once
// Tests of C++ without Node: TEST(name) { CHECK(…); }. All of them make one program, for sanitizers and foreign processors.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/kernels.h"

namespace mixtape::check {

struct Test {
  const char* name;
  void (*run)();
};

inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

inline size_t& count() {
  static size_t count = 0;
  return count;
}

inline size_t& failures() {
  static size_t failures = 0;
  return failures;
}

inline bool add(const char* name, void (*run)()) {
  tests().push_back({name, run});
  return true;
}

/** @param context what was tried, asked for only where it went wrong */
template <class Context> void that(bool holds, const char* text, const char* file, int line, Context&& context) {
  count()++;
  if (holds) return;
  if (failures()++ < 20) std::fprintf(stderr, "%s:%d: %s %s\n", file, line, text, std::string(context()).c_str());
}

#define TEST(name)                                                             \
  static void name();                                                          \
  [[maybe_unused]] static const bool name##_added = check::add(#name, name);   \
  static void name()

#define CHECK(condition) check::that((condition), #condition, __FILE__, __LINE__, [] { return ""; })
#define CHECK_IN(condition, context) check::that((condition), #condition, __FILE__, __LINE__, [&] { return context; })
#define CHECK_THROWS(type, expression)                                            \
  do {                                                                            \
    bool is_thrown = false;                                                       \
    try {                                                                         \
      expression;                                                                 \
    } catch (const type&) {                                                       \
      is_thrown = true;                                                           \
    }                                                                             \
    CHECK_IN(is_thrown, "throws " #type ": " #expression);                        \
  } while (false)

/** Numbers of a heap block that ends right behind the last one, and begins `shift` elements behind its own start. */
template <class T> class Buffer {
 public:
  explicit Buffer(size_t size, size_t shift = 0) : block_(new T[size + shift]()), shift_(shift), size_(size) {}
  T* data() { return block_.get() + shift_; }
  const T* data() const { return block_.get() + shift_; }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return data()[i]; }
  const T& operator[](size_t i) const { return data()[i]; }
  T* begin() { return data(); }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  T* end() { return data() + size_; }
  template <class U = uint8_t> const U* as() const { return reinterpret_cast<const U*>(data()); }

 private:
  std::unique_ptr<T[]> block_;
  size_t shift_;
  size_t size_;
};

inline std::mt19937& random_bits() {
  static std::mt19937 bits(20240611);
  return bits;
}

/** Normally distributed numbers. */
inline Buffer<float> random_floats(size_t size, size_t shift = 0) {
  Buffer<float> out(size, shift);
  std::normal_distribution<float> normal;
  for (float& x : out) x = normal(random_bits());
  return out;
}

/** The kernels that a run tests: those of the instruction set that MIXTAPE_NATIVE_ISA names, else of every one that runs here. */
inline std::vector<const Kernels*> tested_kernels() {
  const char* const wanted = std::getenv("MIXTAPE_NATIVE_ISA");
  return wanted && *wanted ? std::vector<const Kernels*>{&kernels()} : all_kernels();
}

inline std::string text_of(std::initializer_list<size_t> sizes) {
  std::string text;
  for (const size_t size : sizes) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

/** Returns whether two results are the same number up to `tolerance`, the same infinity, or both none. */
inline bool near(double got, double expected, double tolerance) {
  if (std::isnan(expected) || std::isnan(got)) return std::isnan(expected) && std::isnan(got);
  if (std::isinf(expected) || std::isinf(got)) return got == expected;
  return std::fabs(got - expected) <= tolerance;
}

}  // namespace mixtape::check
