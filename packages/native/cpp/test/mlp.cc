// Operations of several products against the plain formula in float64.

#include <algorithm>

#include "core/pool.h"
#include "ops/choose_experts.h"
#include "ops/experts.h"
#include "ops/gated_mlp.h"
#include "ops/matmul.h"
#include "ops/project_heads.h"
#include "test/formats.h"

namespace mixtape {
namespace {

using check::Buffer;
using check::random_floats;
using check::RandomMatrix;
using check::text_of;

/** `down · (silu(gate · x) · (up · x))` of one token. */
std::vector<double> plain_mlp(const Buffer<float>& gate, const Buffer<float>& up, const Buffer<float>& down, const float* x,
                              size_t inner, size_t width) {
  std::vector<double> hidden(inner), out(width);
  for (size_t i = 0; i < inner; i++) {
    double g = 0, u = 0;
    for (size_t k = 0; k < width; k++) {
      g += static_cast<double>(gate[i * width + k]) * x[k];
      u += static_cast<double>(up[i * width + k]) * x[k];
    }
    hidden[i] = g / (1 + std::exp(-g)) * u;
  }
  for (size_t k = 0; k < width; k++)
    for (size_t i = 0; i < inner; i++) out[k] += static_cast<double>(down[k * inner + i]) * hidden[i];
  return out;
}

struct RandomMlp {
  RandomMlp(Dtype dtype, size_t inner, size_t width)
      : gate(dtype, inner, width, 1), up(dtype, inner, width, 1), down(dtype, width, inner, 1) {}
  RandomMatrix gate, up, down;
};

constexpr size_t kShapes[][3] = {{1, 5, 7}, {2, 33, 40}, {9, 70, 31}, {40, 96, 64}};
constexpr GateOptions kExact = {{GatingKind::silu, 0, 0}, Precision::float32};

double tolerance(const std::vector<double>& expected) {
  double largest = 1;
  for (const double value : expected) largest = std::max(largest, std::fabs(value));
  return 1e-5 * largest;
}

TEST(gated_mlp_of_tokens) {
  for (const int threads : {1, 3})
    for (const Dtype dtype : check::kAllDtypes)
      for (const auto& [tokens, inner, width] : kShapes) {
        Pool::shared().resize(threads);
        const RandomMlp mlp(dtype, inner, width);
        const Buffer<float> x = random_floats(tokens * width, 1);
        Buffer<float> y(tokens * width, 1);
        gated_mlp({mlp.gate.matrix, mlp.up.matrix, mlp.down.matrix, {nullptr, nullptr}, nullptr}, x.data(), tokens, kExact, y.data());
        for (size_t t = 0; t < tokens; t++) {
          const auto expected = plain_mlp(mlp.gate.values, mlp.up.values, mlp.down.values, x.data() + t * width, inner, width);
          for (size_t k = 0; k < width; k++)
            CHECK_IN(check::near(y[t * width + k], expected[k], tolerance(expected)), text_of({tokens, inner, width, t, k}));
        }
      }
}

TEST(experts_of_tokens) {
  constexpr size_t kExperts = 5, kChoices = 2;
  for (const int threads : {1, 3})
    for (const Dtype dtype : check::kAllDtypes)
      for (const auto& [tokens, inner, width] : kShapes) {
        Pool::shared().resize(threads);
        std::vector<RandomMlp> mlps;
        mlps.reserve(kExperts);
        std::vector<const uint8_t*> gates, ups, downs;
        for (size_t e = 0; e < kExperts; e++) {
          mlps.emplace_back(dtype, inner, width);
          gates.push_back(mlps[e].gate.matrix.data);
          ups.push_back(mlps[e].up.matrix.data);
          downs.push_back(mlps[e].down.matrix.data);
        }
        const Experts all{{dtype, kExperts, inner, width, gates.data(), nullptr},
                          {dtype, kExperts, inner, width, ups.data(), nullptr},
                          {dtype, kExperts, width, inner, downs.data(), nullptr},
                          {nullptr, inner},
                          {nullptr, inner},
                          {nullptr, width}};
        const Buffer<float> x = random_floats(tokens * width, 1), weights = random_floats(tokens * kChoices, 1);
        Buffer<int32_t> indices(tokens * kChoices, 1);
        for (int32_t& index : indices) index = static_cast<int32_t>(check::random_bits()() % kExperts);
        Buffer<float> y(tokens * width, 1);
        experts(all, {x.data(), indices.data(), weights.data(), tokens, kChoices}, kExact, y.data());
        for (size_t t = 0; t < tokens; t++) {
          std::vector<double> expected(width);
          for (size_t j = 0; j < kChoices; j++) {
            const RandomMlp& mlp = mlps[static_cast<size_t>(indices[t * kChoices + j])];
            const auto one = plain_mlp(mlp.gate.values, mlp.up.values, mlp.down.values, x.data() + t * width, inner, width);
            for (size_t k = 0; k < width; k++) expected[k] += weights[t * kChoices + j] * one[k];
          }
          for (size_t k = 0; k < width; k++)
            CHECK_IN(check::near(y[t * width + k], expected[k], 4 * tolerance(expected)), text_of({tokens, inner, width, t, k}));
        }
      }
}

TEST(heads_are_projected) {
  Pool::shared().resize(3);
  constexpr size_t kHead = 6;
  for (const Dtype dtype : check::kAllDtypes)
    for (const size_t length : {1, 2, 19})
      for (const size_t rows : {1, 3}) {
        constexpr size_t kWidth = 45;
        const RandomMatrix q(dtype, 4 * kHead, kWidth, 1), k(dtype, 2 * kHead, kWidth, 1);
        const Buffer<float> x = random_floats(rows * length * kWidth, 1), bias = random_floats(4 * kHead, 1);
        Buffer<float> q_out(rows * length * 4 * kHead, 1), k_out(rows * length * 2 * kHead, 1);
        const HeadProjection maps[] = {{q.matrix, bias.data(), q_out.data()}, {k.matrix, nullptr, k_out.data()}};
        project_heads(maps, 2, x.data(), rows, length, kHead, Precision::float32);
        const auto check_map = [&](const RandomMatrix& w, const float* added, const Buffer<float>& y, size_t heads) {
          for (size_t i = 0; i < y.size(); i++) {
            const size_t d = i % kHead, at = i / kHead % length, head = i / kHead / length % heads, row = i / kHead / length / heads;
            double expected = added ? added[head * kHead + d] : 0, size = std::fabs(expected);
            for (size_t m = 0; m < kWidth; m++) {
              const double term = static_cast<double>(w.values[(head * kHead + d) * kWidth + m]) * x[(row * length + at) * kWidth + m];
              expected += term;
              size += std::fabs(term);
            }
            CHECK_IN(check::near(y[i], expected, size * (kWidth + 4) * 0x1p-24), text_of({length, rows, i}));
          }
        };
        check_map(q, bias.data(), q_out, 4);
        check_map(k, nullptr, k_out, 2);
      }
}

TEST(experts_are_chosen) {
  Pool::shared().resize(2);
  constexpr size_t kTokens = 33, kExperts = 37, kChosen = 5;
  for (const bool is_softmax : {true, false})
    for (const bool has_bias : {true, false}) {
      const Buffer<float> logits = random_floats(kTokens * kExperts, 1), bias = random_floats(kExperts, 1);
      Buffer<int32_t> indices(kTokens * kChosen, 1);
      Buffer<float> weights(kTokens * kChosen, 1);
      const RoutingSpec choice{kExperts, kChosen, is_softmax, true, 2.5f};
      choose_experts(logits.data(), has_bias ? bias.data() : nullptr, kTokens, choice, indices.data(), weights.data());
      for (size_t t = 0; t < kTokens; t++) {
        std::vector<double> scores(kExperts), ranks(kExperts);
        double all = 0;
        for (size_t e = 0; e < kExperts; e++) all += std::exp(static_cast<double>(logits[t * kExperts + e]));
        std::vector<int32_t> order(kExperts);
        for (size_t e = 0; e < kExperts; e++) {
          const double logit = logits[t * kExperts + e];
          scores[e] = is_softmax ? std::exp(logit) / all : 1 / (1 + std::exp(-logit));
          ranks[e] = scores[e] + (has_bias ? bias[e] : 0);
          order[e] = static_cast<int32_t>(e);
        }
        std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return ranks[a] > ranks[b]; });
        double sum = 0;
        for (size_t j = 0; j < kChosen; j++) sum += scores[order[j]];
        for (size_t j = 0; j < kChosen; j++) {
          CHECK_IN(indices[t * kChosen + j] == order[j], text_of({t, j}));
          CHECK_IN(check::near(weights[t * kChosen + j], scores[order[j]] / sum * 2.5, 1e-5), text_of({t, j}));
        }
      }
    }
}

TEST(matrices_multiply) {
  constexpr size_t kShapes[][3] = {{1, 1, 1}, {3, 7, 5}, {17, 33, 70}, {65, 40, 129}, {100, 300, 90}};
  for (const int threads : {1, 3})
    for (const Dtype dtype : check::kAllDtypes)
      for (const bool a_transposed : {false, true})
        for (const bool b_transposed : {false, true})
          for (const auto& [m, n, depth] : kShapes) {
            Pool::shared().resize(threads);
            const RandomMatrix a(Dtype::float32, a_transposed ? depth : m, a_transposed ? m : depth, 1);
            const RandomMatrix b(dtype, b_transposed ? n : depth, b_transposed ? depth : n, 1);
            const MatrixBatch left{Dtype::float32, a.matrix.rows, a.matrix.columns, a_transposed, {a.matrix.data, a.matrix.data}};
            const MatrixBatch right{dtype, b.matrix.rows, b.matrix.columns, b_transposed, {b.matrix.data}};
            const int32_t which_left[] = {1, 0}, which_right[] = {0, 0};
            Buffer<float> y(2 * m * n, 1);
            matmul(left, right, which_left, which_right, 2, y.data());
            for (size_t i = 0; i < y.size(); i++) {
              const size_t row = i / n % m, column = i % n;
              double expected = 0, size = 0;
              for (size_t k = 0; k < depth; k++) {
                const double term = static_cast<double>(a.values[a_transposed ? k * m + row : row * depth + k]) *
                                    b.values[b_transposed ? column * depth + k : k * n + column];
                expected += term;
                size += std::fabs(term);
              }
              CHECK_IN(check::near(y[i], expected, size * static_cast<double>(depth + 4) * 0x1p-24),
                       text_of({static_cast<size_t>(dtype), a_transposed, b_transposed, m, n, depth, i}));
            }
          }
}

}  // namespace
}  // namespace mixtape
