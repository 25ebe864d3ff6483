// Arithmetic on tensors, choices of experts and projections, on all threads, against plain loops in float64.

#include <algorithm>

#include "core/pool.h"
#include "ops/choose_experts.h"
#include "ops/elementwise.h"
#include "ops/project_heads.h"
#include "test/formats.h"

namespace mixtape {
namespace {

using check::Buffer;
using check::random_floats;
using check::text_of;

TEST(binary_of_operands_that_repeat) {
  constexpr size_t kShapes[][2] = {{1, 1}, {7, 1}, {1, 50}, {3, 41'000}, {900, 130}, {150'000, 1}};
  for (const int threads : {1, 3})
    for (const auto& [rows, width] : kShapes) {
      Pool::shared().resize(threads);
      const Buffer<float> a = random_floats(rows * width, 1), b = random_floats(width, 1);
      Buffer<float> y(a.size(), 1), z(a.size(), 1);
      binary(Binary::subtract, a.data(), a.size(), b.data(), width, y.data());
      binary(Binary::subtract, b.data(), width, a.data(), a.size(), z.data());
      for (size_t i = 0; i < y.size(); i++)
        CHECK_IN(y[i] == a[i] - b[i % width] && z[i] == b[i % width] - a[i], text_of({rows, width, i}));
    }
}

TEST(binary_along_axes) {
  Pool::shared().resize(3);
  constexpr size_t kShapes[][3] = {{1, 1, 1}, {5, 3, 7}, {40, 9, 333}, {2, 600, 130}};
  for (const auto& [m, n, k] : kShapes) {
    // a is [m, 1, k], b [n, 1] or [n, k].
    for (const bool has_last : {false, true}) {
      const Buffer<float> a = random_floats(m * k, 1), b = random_floats(has_last ? n * k : n, 1);
      Buffer<float> y(m * n * k, 1);
      const BinaryAxis axes[] = {{m, k, 0}, {n, 0, has_last ? k : 1}, {k, 1, has_last ? size_t{1} : 0}};
      binary(Binary::multiply, a.data(), b.data(), axes, 3, y.data());
      for (size_t i = 0; i < y.size(); i++) {
        const size_t row = i / k % n;
        CHECK_IN(y[i] == a[i / k / n * k + i % k] * b[has_last ? row * k + i % k : row], text_of({m, n, k, i}));
      }
    }
  }
}

TEST(reductions) {
  constexpr size_t kShapes[][3] = {{1, 1, 1}, {3, 70, 5}, {2, 300, 700}, {1, 5'000, 90}, {1, 100'001, 1}, {400, 129, 1}};
  for (const int threads : {1, 4})
    for (const auto& [outer, count, inner] : kShapes) {
      Pool::shared().resize(threads);
      const Buffer<float> x = random_floats(outer * count * inner, 1);
      Buffer<float> columns(outer * inner, 1), rows(outer * inner, 1), largest(outer * inner, 1);
      sum_columns(x.data(), outer, count, inner, columns.data());
      sum_rows(x.data(), outer * inner, count, 3, rows.data());
      max_rows(x.data(), outer * inner, count, largest.data());
      for (size_t i = 0; i < columns.size(); i++) {
        double column = 0, column_size = 0, row = 0, row_size = 0;
        for (size_t k = 0; k < count; k++) {
          const double value = x[(i / inner * count + k) * inner + i % inner];
          column += value, column_size += std::fabs(value);
          row += x[i * count + k], row_size += std::fabs(x[i * count + k]);
        }
        CHECK_IN(check::near(columns[i], column, 2e-6 * column_size), text_of({outer, count, inner, i}));
        CHECK_IN(check::near(rows[i], row / 3, 2e-6 * row_size), text_of({outer, count, inner, i}));
        CHECK(largest[i] == *std::max_element(x.data() + i * count, x.data() + (i + 1) * count));
      }
    }
}

TEST(choose_experts_by_scores_and_bias) {
  constexpr size_t kShapes[][3] = {{1, 1, 1}, {1, 128, 8}, {300, 130, 6}, {5, 8, 8}};
  for (const auto& [tokens, experts, k] : kShapes)
    for (const bool is_softmax : {false, true})
      for (const bool has_bias : {false, true}) {
        Pool::shared().resize(3);
        const Buffer<float> logits = random_floats(tokens * experts, 1), bias = random_floats(experts, 1);
        Buffer<int32_t> indices(tokens * k, 1);
        Buffer<float> weights(tokens * k, 1);
        choose_experts(logits.data(), has_bias ? bias.data() : nullptr, tokens, {experts, k, is_softmax, true, 2.5f},
                       indices.data(), weights.data());
        for (size_t token = 0; token < tokens; token++) {
          const float* const row = logits.data() + token * experts;
          double sum = 0, chosen = 0;
          for (size_t e = 0; e < experts; e++) sum += std::exp(static_cast<double>(row[e]));
          const auto score = [&](size_t e) {
            return is_softmax ? std::exp(static_cast<double>(row[e])) / sum : 1 / (1 + std::exp(-static_cast<double>(row[e])));
          };
          const auto rank = [&](size_t e) { return score(e) + (has_bias ? bias[e] : 0); };
          std::vector<double> ranks(experts);
          for (size_t e = 0; e < experts; e++) ranks[e] = rank(e);
          std::sort(ranks.rbegin(), ranks.rend());
          for (size_t j = 0; j < k; j++) chosen += score(static_cast<size_t>(indices[token * k + j]));
          for (size_t j = 0; j < k; j++) {
            const auto e = static_cast<size_t>(indices[token * k + j]);
            // Two that differ by less than a rounding may change places.
            CHECK_IN(check::near(rank(e), ranks[j], 1e-6), text_of({tokens, experts, token, j}));
            CHECK_IN(check::near(weights[token * k + j], score(e) / chosen * 2.5, 1e-5), text_of({tokens, experts, token, j}));
          }
        }
      }
}

TEST(project_heads_writes_each_where_it_belongs) {
  constexpr size_t kShapes[][5] = {{1, 1, 40, 3, 16}, {3, 1, 33, 2, 20}, {1, 9, 64, 3, 32}, {2, 37, 50, 2, 65}, {1, 300, 70, 1, 130}};
  for (const Dtype dtype : check::kAllDtypes)
    for (const auto& [rows, length, width, heads, head] : kShapes) {
      Pool::shared().resize(3);
      const size_t tokens = rows * length;
      const Buffer<float> x = random_floats(tokens * width, 1), bias = random_floats(heads * head, 1);
      const check::RandomMatrix first(dtype, heads * head, width, 1), second(Dtype::float32, head, width, 1);
      Buffer<float> y(tokens * heads * head, 1), z(tokens * head, 1);
      const HeadProjection maps[] = {{first.matrix, bias.data(), y.data()}, {second.matrix, nullptr, z.data()}};
      project_heads(maps, 2, x.data(), rows, length, head, Precision::float32);
      const auto check_one = [&](const check::RandomMatrix& w, const Buffer<float>& out, size_t count, bool has_bias) {
        for (size_t i = 0; i < out.size(); i++) {
          const size_t lane = i / head / length;
          const size_t token = lane / count * length + i / head % length;
          const size_t n = lane % count * head + i % head;
          double expected = has_bias ? bias[n] : 0, size = std::fabs(expected);
          for (size_t k = 0; k < width; k++) {
            const double term = static_cast<double>(x[token * width + k]) * w.values[n * width + k];
            expected += term, size += std::fabs(term);
          }
          CHECK_IN(check::near(out[i], expected, size * static_cast<double>(width + 4) * 0x1p-24),
                   text_of({static_cast<size_t>(dtype), rows, length, width, i}));
        }
      };
      check_one(first, y, heads, true);
      check_one(second, z, 1, false);
    }
}

}  // namespace
}  // namespace mixtape
