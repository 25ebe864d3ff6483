// Kernels and operations of the backward pass, against the plain formula in float64.

#include <algorithm>

#include "core/kernels.h"
#include "core/pool.h"
#include "ops/linear.h"
#include "ops/rows.h"
#include "test/formats.h"
#include "test/gatings.h"

namespace mixtape {
namespace {

using check::Buffer;
using check::random_floats;
using check::text_of;

constexpr size_t kWidths[] = {1, 3, 7, 8, 15, 16, 17, 31, 33, 64, 65, 129, 257};

std::string of(const Kernels& table, std::initializer_list<size_t> sizes) { return std::string(table.name) + " " + text_of(sizes); }

/** `Σ_k x[k] · w[k, n]`, and the sum of the terms' sizes. */
struct Sum {
  double value = 0;
  double size = 0;
};
Sum sum_of(const float* x, bool is_rounded, const check::RandomMatrix& w, size_t n) {
  Sum sum;
  for (size_t k = 0; k < w.matrix.rows; k++) {
    const double own = is_rounded ? check::from_bfloat16(check::to_bfloat16(x[k])) : x[k];
    const double term = own * w.values[k * w.matrix.columns + n];
    sum.value += term;
    sum.size += std::fabs(term);
  }
  return sum;
}

TEST(transposed_products) {
  constexpr size_t kShapes[][3] = {{1, 1, 1}, {3, 33, 5}, {8, 31, 32}, {17, 40, 70}, {33, 513, 33}, {50, 1030, 65}, {200, 300, 70}, {5, 150, 1100}};
  for (const Kernels* table : check::tested_kernels())
    for (const Dtype dtype : check::kAllDtypes)
      for (const Precision precision : {Precision::bfloat16, Precision::float32})
        for (const auto& [tokens, depth, columns] : kShapes) {
          const TransposedProduct& product = table->transposed_product(dtype, precision);
          const bool is_rounded = &product != &table->transposed_product(dtype, Precision::float32);
          const check::RandomMatrix w(dtype, depth, columns, 1);
          // Rows with a stride larger than their width, taken in another order.
          const size_t stride = depth + 3;
          const Buffer<float> x = random_floats(tokens * stride, 1);
          Buffer<int32_t> rows(tokens, 1);
          for (size_t t = 0; t < tokens; t++) rows[t] = static_cast<int32_t>(tokens - 1 - t);
          Buffer<uint8_t> packed(product.packed_bytes(tokens, depth) + 64);
          uint8_t* const aligned = packed.data() + (64 - reinterpret_cast<uintptr_t>(packed.data()) % 64) % 64;
          product.pack(x.data(), stride, rows.data(), 0, tokens, depth, aligned);
          const size_t from = columns > 40 ? 32 : 0;
          const size_t count = columns - from;
          Buffer<float> y(tokens * count, 1);
          Buffer<uint8_t> scratch(product.scratch + 64);
          uint8_t* const own = scratch.data() + (64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64) % 64;
          for (const bool add : {false, true}) {
            product.multiply(w.matrix, from, columns, aligned, tokens, add, y.data(), count, own);
            for (size_t i = 0; i < y.size(); i++) {
              const Sum sum = sum_of(x.data() + static_cast<size_t>(rows[i / count]) * stride, is_rounded, w, from + i % count);
              CHECK_IN(check::near(y[i], sum.value * (add ? 2 : 1), sum.size * static_cast<double>(depth + 8) * 0x1p-23),
                       of(*table, {static_cast<size_t>(dtype), tokens, depth, columns, i, add}));
            }
          }
        }
}

TEST(linear_back_on_all_threads) {
  constexpr size_t kShapes[][3] = {{1, 1, 1}, {3, 4500, 40}, {1000, 40, 200}, {33, 257, 1100}};
  for (const int threads : {1, 2, 5})
    for (const Dtype dtype : check::kAllDtypes)
      for (const auto& [tokens, rows, width] : kShapes) {
        Pool::shared().resize(threads);
        const check::RandomMatrix w(dtype, rows, width, 1);
        const Buffer<float> dy = random_floats(tokens * rows, 1);
        Buffer<float> dx(tokens * width, 1);
        for (size_t i = 0; i < dx.size(); i++) dx[i] = 1;
        for (const bool add : {true, false}) {
          linear_back(w.matrix, dy.data(), tokens, Precision::float32, add, dx.data());
          for (size_t i = 0; i < dx.size(); i += 1 + dx.size() / 3000) {
            const Sum sum = sum_of(dy.data() + i / width * rows, false, w, i % width);
            CHECK_IN(check::near(dx[i], sum.value + (add ? 1 : 0), (1 + sum.size) * static_cast<double>(rows + 8) * 0x1p-24),
                     text_of({static_cast<size_t>(dtype), tokens, rows, width, i}));
          }
        }
      }
}

TEST(gate_back) {
  for (const Kernels* table : check::tested_kernels())
    for (const Gating& gating : check::kAllGatings)
      for (const size_t width : kWidths) {
        Buffer<float> x = random_floats(width, 1);
        Buffer<float> up = random_floats(width, 1);
        const Buffer<float> dy = random_floats(width, 1);
        for (float& value : x) value *= 4;
        for (size_t i = 0; i < width; i++) {
          // No difference across a kink.
          if (std::fabs(x[i]) < 1e-3f || std::fabs(x[i] - 1.5f) < 1e-3f) x[i] = 0.5f;
          if (std::fabs(std::fabs(up[i]) - 1.5f) < 1e-3f) up[i] = 0.5f;
        }
        Buffer<float> grad_gate(width, 1), grad_up = random_floats(width, 1);
        for (size_t i = 0; i < width; i++) grad_gate[i] = x[i];
        // One of them in the memory of the gate itself.
        table->gate_back(gating, grad_gate.data(), up.data(), dy.data(), width, grad_gate.data(), grad_up.data());
        for (size_t i = 0; i < width; i++) {
          constexpr double kStep = 1e-5;
          const double slope = (check::gated(gating, x[i] + kStep, up[i]) - check::gated(gating, x[i] - kStep, up[i])) / (2 * kStep);
          const double up_slope = (check::gated(gating, x[i], up[i] + kStep) - check::gated(gating, x[i], up[i] - kStep)) / (2 * kStep);
          const auto where = of(*table, {static_cast<size_t>(gating.kind), width, i}) + " " + std::to_string(x[i]);
          const double size = (1 + std::fabs(x[i])) * (1 + std::fabs(up[i])) * std::fabs(dy[i]);
          CHECK_IN(check::near(grad_gate[i], slope * dy[i], 4e-6 * size + 1e-7), where);
          CHECK_IN(check::near(grad_up[i], up_slope * dy[i], 4e-6 * size + 1e-7), where);
        }
      }
}

TEST(rms_norm_back) {
  for (const Kernels* table : check::tested_kernels())
    for (const size_t width : kWidths)
      for (const int wanted : {1, 2, 3}) {
        constexpr size_t kRows = 3;
        const Buffer<float> x = random_floats(kRows * width, 1), scale = random_floats(width, 1), dy = random_floats(kRows * width, 1);
        Buffer<float> grad_x(kRows * width, 1), grad_scale(width, 1);
        for (size_t i = 0; i < width; i++) grad_scale[i] = 1;
        table->rms_norm_back(x.data(), scale.data(), dy.data(), kRows, width, 1e-5f, wanted & 1 ? grad_x.data() : nullptr,
                             wanted & 2 ? grad_scale.data() : nullptr);
        std::vector<double> grad_scale_sum(width, 1.0), grad_scale_size(width, 1.0);
        for (size_t row = 0; row < kRows; row++) {
          const float* const own = x.data() + row * width;
          const float* const upstream = dy.data() + row * width;
          double squares = 0, pull = 0, size = 0;
          for (size_t k = 0; k < width; k++) squares += static_cast<double>(own[k]) * own[k];
          const double r = 1 / std::sqrt(squares / static_cast<double>(width) + 1e-5);
          for (size_t k = 0; k < width; k++) {
            pull += static_cast<double>(scale[k]) * upstream[k] * own[k];
            size += std::fabs(static_cast<double>(scale[k]) * upstream[k] * own[k]);
          }
          for (size_t k = 0; k < width; k++) {
            const double drag = own[k] * r * r / static_cast<double>(width);
            const double expected = r * (static_cast<double>(scale[k]) * upstream[k] - drag * pull);
            const double terms = r * (std::fabs(static_cast<double>(scale[k]) * upstream[k]) + std::fabs(drag) * size);
            if (wanted & 1) CHECK_IN(check::near(grad_x[row * width + k], expected, 4e-6 * terms), of(*table, {width, row, k}));
            grad_scale_sum[k] += r * own[k] * upstream[k];
            grad_scale_size[k] += std::fabs(r * own[k] * upstream[k]);
          }
        }
        if (wanted & 2)
          for (size_t k = 0; k < width; k++)
            CHECK_IN(check::near(grad_scale[k], grad_scale_sum[k], 2e-6 * grad_scale_size[k]), of(*table, {width, k}));
      }
}

TEST(log_sum_exp_and_scaled_exp) {
  for (const Kernels* table : check::tested_kernels())
    for (const size_t width : kWidths)
      for (const float offset : {0.0f, 1000.0f, -1000.0f}) {
        Buffer<float> x = random_floats(width, 1), y(width, 1);
        double sum = 0;
        for (float& value : x) value = value * 4 + offset;
        for (size_t i = 0; i < width; i++) sum += std::exp(static_cast<double>(x[i]) - offset);
        const double expected = offset + std::log(sum);
        const float got = table->log_sum_exp(x.data(), width);
        CHECK_IN(check::near(got, expected, 2e-6 * (1 + std::fabs(expected))), of(*table, {width}));
        table->scaled_exp(x.data(), got, -0.5f, width, y.data());
        for (size_t i = 0; i < width; i++) {
          const double share = -0.5 * std::exp(static_cast<double>(x[i]) - static_cast<double>(got));
          CHECK_IN(check::near(y[i], share, 3e-6 * std::fabs(share) + 1e-37), of(*table, {width, i}));
        }
      }
}

}  // namespace
}  // namespace mixtape
