// The kernels of recurrent mixers on every instruction set, and on all threads, against their formulas in float64.

#include "ops/recurrence.h"

#include "core/kernels.h"
#include "test/check.h"

namespace mixtape {
namespace {

using check::Buffer;
using check::random_floats;

constexpr size_t kWidths[] = {1, 3, 7, 8, 15, 16, 17, 33, 64, 65, 130};

std::string of(const Kernels& table, std::initializer_list<size_t> sizes) {
  return std::string(table.name) + " " + check::text_of(sizes);
}

TEST(scale_rows) {
  for (const Kernels* table : check::tested_kernels())
    for (const size_t width : kWidths)
      for (const float eps : {-1.0f, 1e-6f}) {
        constexpr size_t kRows = 3;
        const Buffer<float> x = random_floats(kRows * width, 1);
        Buffer<float> y(x.size(), 1);
        table->scale_rows(x.data(), kRows, width, 0.25f, eps, y.data());
        for (size_t i = 0; i < y.size(); i++) {
          double squares = 1e-6;
          for (size_t k = 0; k < width; k++) squares += std::pow(x[i / width * width + k], 2);
          const double expected = 0.25 * x[i] / (eps < 0 ? 1 : std::sqrt(squares));
          CHECK_IN(check::near(y[i], expected, 2e-6 * (1 + std::fabs(expected))), of(*table, {width, i}));
        }
      }
}

/** Column `j` of a head, token by token. */
void delta_column(const DeltaHead& head, size_t j, std::vector<double>& state, std::vector<double>& output) {
  for (size_t t = 0; t < head.length; t++) {
    const float* const q = head.q + t * head.key_step;
    const float* const k = head.k + t * head.key_step;
    double read = 0, y = 0;
    for (size_t i = 0; i < head.key_width; i++) read += k[i] * (state[i] *= std::exp(static_cast<double>(head.g[t * head.gate_step])));
    const double delta = head.beta[t * head.gate_step] * (head.v[t * head.value_step + j] - read);
    for (size_t i = 0; i < head.key_width; i++) y += q[i] * (state[i] += k[i] * delta);
    output[t] = y;
  }
}

TEST(delta_rule) {
  for (const Kernels* table : check::tested_kernels())
    for (const size_t width : kWidths)
      for (const size_t length : {1, 5}) {
        constexpr size_t kKeys = 9, kHeads = 2;
        const size_t key_step = kHeads * kKeys, value_step = kHeads * width;
        Buffer<float> q = random_floats(length * key_step, 1), k = random_floats(length * key_step, 1),
                      v = random_floats(length * value_step, 1), g = random_floats(length * kHeads, 1),
                      beta = random_floats(length * kHeads, 1), state = random_floats(kKeys * width, 1);
        for (float& key : k) key /= 4;
        for (float& decay : g) decay = -std::fabs(decay);
        const Buffer<float> before = [&] {
          Buffer<float> copy(state.size(), 1);
          std::copy(state.begin(), state.end(), copy.begin());
          return copy;
        }();
        Buffer<float> output(length * value_step, 1);
        const DeltaHead head{q.data(), k.data(), v.data(), g.data(), beta.data(), length, kKeys, width,
                             key_step, value_step, kHeads, state.data(), output.data()};
        // Memory before and after is not changed.
        const size_t from = width / 3, to = width - width / 4;
        table->delta_rule(head, from, to);
        for (size_t j = 0; j < width; j++) {
          std::vector<double> expected(kKeys), y(length);
          for (size_t i = 0; i < kKeys; i++) expected[i] = before[i * width + j];
          if (j >= from && j < to) delta_column(head, j, expected, y);
          for (size_t i = 0; i < kKeys; i++)
            CHECK_IN(check::near(state[i * width + j], expected[i], 1e-5 * (1 + std::fabs(expected[i]))), of(*table, {width, length, i, j}));
          for (size_t t = 0; t < length; t++)
            CHECK_IN(check::near(output[t * value_step + j], y[t], 1e-5 * (1 + std::fabs(y[t]))), of(*table, {width, length, t, j}));
        }
      }
}

TEST(causal_convolution_of_channels) {
  for (const Kernels* table : check::tested_kernels())
    for (const size_t width : kWidths)
      for (const size_t taps : {1, 2, 4, 8, 9, 19})
        for (const bool has_past : {false, true}) {
          constexpr size_t kLength = 5;
          const Buffer<float> x = random_floats(kLength * width, 1), past = random_floats((taps - 1) * width, 1),
                              weight = random_floats(width * taps, 1);
          Buffer<float> y(x.size(), 1);
          const size_t from = width / 3, to = width - width / 4;
          table->causal_convolution({x.data(), has_past ? past.data() : nullptr, weight.data(), kLength, width, taps, y.data()}, from, to);
          for (size_t t = 0; t < kLength; t++)
            for (size_t c = 0; c < width; c++) {
              double expected = 0;
              for (size_t j = 0; j < taps && c >= from && c < to; j++) {
                const size_t at = t + j;
                if (at + 1 >= taps) expected += static_cast<double>(weight[c * taps + j]) * x[(at + 1 - taps) * width + c];
                else if (has_past) expected += static_cast<double>(weight[c * taps + j]) * past[at * width + c];
              }
              CHECK_IN(check::near(y[t * width + c], expected, 5e-6 * (1 + std::fabs(expected))), of(*table, {width, taps, t, c}));
            }
        }
}

TEST(gated_delta_rule_shares_columns_and_heads) {
  // More columns than a share has, and rows, heads and groups.
  constexpr size_t kRows = 2, kLength = 3, kGroups = 2, kHeads = 4, kKeys = 5, kValues = 130;
  const Buffer<float> q = random_floats(kRows * kLength * kGroups * kKeys), k = random_floats(q.size()),
                      v = random_floats(kRows * kLength * kHeads * kValues), beta = random_floats(kRows * kLength * kHeads),
                      state = random_floats(kRows * kHeads * kKeys * kValues);
  Buffer<float> g = random_floats(kRows * kLength * kHeads);
  for (float& decay : g) decay = -std::fabs(decay);
  for (const bool has_state : {false, true}) {
    Buffer<float> output(v.size()), next(state.size());
    gated_delta_rule({q.data(), k.data(), v.data(), g.data(), beta.data(), has_state ? state.data() : nullptr, kRows, kLength, kGroups,
                      kHeads, kKeys, kValues, 0.5f, 1e-6f},
                     output.data(), next.data());
    Buffer<float> scaled_q(q.size()), scaled_k(k.size());
    kernels().scale_rows(q.data(), q.size() / kKeys, kKeys, 0.5f, 1e-6f, scaled_q.data());
    kernels().scale_rows(k.data(), k.size() / kKeys, kKeys, 1, 1e-6f, scaled_k.data());
    for (size_t row = 0; row < kRows; row++)
      for (size_t head = 0; head < kHeads; head++) {
        const size_t keys = (row * kLength * kGroups + head / 2) * kKeys, gates = row * kLength * kHeads + head;
        const DeltaHead one{scaled_q.data() + keys, scaled_k.data() + keys, v.data() + gates * kValues, g.data() + gates, beta.data() + gates,
                            kLength, kKeys, kValues, kGroups * kKeys, kHeads * kValues, kHeads, nullptr, nullptr};
        for (size_t j = 0; j < kValues; j++) {
          const auto at = [&](size_t i) { return ((row * kHeads + head) * kKeys + i) * kValues + j; };
          std::vector<double> expected(kKeys), y(kLength);
          for (size_t i = 0; i < kKeys && has_state; i++) expected[i] = state[at(i)];
          delta_column(one, j, expected, y);
          for (size_t i = 0; i < kKeys; i++)
            CHECK_IN(check::near(next[at(i)], expected[i], 1e-5 * (1 + std::fabs(expected[i]))), check::text_of({row, head, i, j}));
          for (size_t t = 0; t < kLength; t++)
            CHECK_IN(check::near(output[(gates + t * kHeads) * kValues + j], y[t], 1e-5 * (1 + std::fabs(y[t]))), check::text_of({row, head, t, j}));
        }
      }
  }
}

TEST(causal_convolution_keeps_the_last_inputs) {
  constexpr size_t kRows = 2, kWidth = 300, kTaps = 4;
  for (const size_t length : {1, 2, 3, 6}) {
    const Buffer<float> x = random_floats(kRows * length * kWidth), past = random_floats(kRows * (kTaps - 1) * kWidth),
                        weight = random_floats(kWidth * kTaps);
    for (const bool has_past : {false, true}) {
      Buffer<float> y(x.size()), next(past.size());
      causal_convolution({x.data(), weight.data(), has_past ? past.data() : nullptr, kRows, length, kWidth, kTaps}, y.data(), next.data());
      for (size_t i = 0; i < next.size(); i++) {
        const size_t c = i % kWidth, row = i / kWidth / (kTaps - 1), at = length + i / kWidth % (kTaps - 1);
        const float expected = at >= kTaps - 1 ? x[(row * length + at - kTaps + 1) * kWidth + c]
                               : has_past      ? past[(row * (kTaps - 1) + at) * kWidth + c]
                                               : 0;
        CHECK_IN(next[i] == expected, check::text_of({length, i}));
      }
    }
  }
}

}  // namespace
}  // namespace mixtape
