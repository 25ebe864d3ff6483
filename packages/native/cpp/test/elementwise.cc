// Kernels of numbers one by one, and of rows, on every instruction set that runs here.

#include <algorithm>
#include <utility>

#include "core/kernels.h"
#include "test/check.h"

namespace mixtape {
namespace {

using check::Buffer;
using check::random_floats;

constexpr size_t kWidths[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 129, 260};

std::string of(const Kernels& table, std::initializer_list<size_t> sizes) {
  return std::string(table.name) + " " + check::text_of(sizes);
}

double result(Binary operation, double a, double b) {
  switch (operation) {
    case Binary::add:
      return a + b;
    case Binary::subtract:
      return a - b;
    case Binary::multiply:
      return a * b;
    case Binary::divide:
      return a / b;
  }
  return NAN;
}

TEST(binary) {
  for (const Kernels* table : check::tested_kernels())
    for (const Binary operation : {Binary::add, Binary::subtract, Binary::multiply, Binary::divide})
      for (const size_t width : kWidths)
        for (const int staying : {0, 1, 2}) {
          const Buffer<float> a = random_floats(staying == 1 ? 1 : width, 1), b = random_floats(staying == 2 ? 1 : width, 1);
          Buffer<float> y(width, 1);
          table->binary(operation, a.data(), staying == 1, b.data(), staying == 2, width, y.data());
          for (size_t i = 0; i < width; i++) {
            const auto expected = static_cast<float>(result(operation, a[staying == 1 ? 0 : i], b[staying == 2 ? 0 : i]));
            CHECK_IN(y[i] == expected, of(*table, {static_cast<size_t>(operation), width, i}));
          }
        }
}

double result(Unary operation, double x) {
  switch (operation) {
    case Unary::exp:
      return std::exp(x);
    case Unary::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Unary::tanh:
      return std::tanh(x);
    case Unary::erf:
      return std::erf(x);
    case Unary::negative:
      return -x;
    case Unary::square:
      return x * x;
    case Unary::sqrt:
      return std::sqrt(x);
    case Unary::rsqrt:
      return 1 / std::sqrt(x);
    case Unary::relu:
      return x > 0 ? x : std::isnan(x) ? x : 0;
    case Unary::softplus:
      return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))) + (std::isnan(x) ? x : 0);
  }
  return NAN;
}

TEST(unary) {
  constexpr Unary kOperations[] = {Unary::exp,    Unary::sigmoid, Unary::tanh,  Unary::erf, Unary::negative,
                                   Unary::square, Unary::sqrt,    Unary::rsqrt, Unary::relu, Unary::softplus};
  const float edges[] = {0, INFINITY, -INFINITY, NAN, 1e-30f, -1e-30f, 88, -87, 100, -100, 1e-4f, 20, -20};
  for (const Kernels* table : check::tested_kernels())
    for (const Unary operation : kOperations)
      for (const size_t width : kWidths) {
        Buffer<float> x = random_floats(width, 1), y(width, 1);
        for (float& value : x) value *= 5;
        for (size_t i = 0; i < std::min(width / 2, std::size(edges)); i++) x[i] = edges[i];
        table->unary(operation, x.data(), width, y.data());
        for (size_t i = 0; i < width; i++) {
          const double exact = result(operation, x[i]);
          const double expected = std::fabs(exact) > 3.4028235e38 ? std::copysign(INFINITY, exact) : exact;
          CHECK_IN(check::near(y[i], expected, 5e-7 * std::fabs(expected) + 1e-37),
                   of(*table, {static_cast<size_t>(operation), width, i}) + " of " + std::to_string(x[i]) + ": " +
                       std::to_string(y[i]) + " for " + std::to_string(expected));
        }
      }
}

TEST(sum_and_max) {
  for (const Kernels* table : check::tested_kernels())
    for (const size_t width : kWidths) {
      Buffer<float> x = random_floats(width, 1);
      double sum = 0, size = 0;
      for (const float value : x) sum += value, size += std::fabs(value);
      CHECK_IN(check::near(table->sum(x.data(), width), sum, size * static_cast<double>(width) * 0x1p-24), of(*table, {width}));
      CHECK_IN(table->max(x.data(), width) == *std::max_element(x.begin(), x.end()), of(*table, {width}));
      for (const size_t place : {size_t{0}, width / 2, width - 1}) {
        const float before = std::exchange(x[place], NAN);
        CHECK_IN(std::isnan(table->max(x.data(), width)), of(*table, {width, place}));
        x[place] = before;
      }
    }
  for (const Kernels* table : check::tested_kernels()) CHECK(table->sum(nullptr, 0) == 0);
}

TEST(softmax) {
  for (const Kernels* table : check::tested_kernels())
    for (const size_t width : kWidths) {
      constexpr size_t kRows = 3;
      Buffer<float> x = random_floats(kRows * width, 1), y(x.size(), 1);
      for (float& value : x) value = value * 10 + 300;
      if (width > 2) x[1] = -INFINITY;
      table->softmax(x.data(), kRows, width, y.data());
      for (size_t i = 0; i < y.size(); i++) {
        const float* const row = x.data() + i / width * width;
        double sum = 0;
        for (size_t k = 0; k < width; k++) sum += std::exp(static_cast<double>(row[k]) - x[i]);
        CHECK_IN(check::near(y[i], std::isinf(x[i]) ? 0 : 1 / sum, 2e-6), of(*table, {width, i}));
      }
    }
}

}  // namespace
}  // namespace mixtape
