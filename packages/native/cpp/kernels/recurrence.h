#pragma once
// The gated delta rule, token by token, for some columns of one head's state; the causal convolution of some channels of one row.

#include <math.h>
#include <string.h>

#include "core/types.h"
#include "formats/formats.h"
#include "kernels/recurrence_types.h"

namespace mixtape {
namespace {

/** Vectors of columns that are worked on together: their sums do not wait for each other. */
constexpr int kStateVectors = 4;

/** All tokens for `kVectors` vectors of columns from `column` on; the last holds `rest` columns. */
template <class S, int kVectors>
void delta_columns(const DeltaHead& head, size_t column, size_t rest) {
  using F = typename S::F;
  const auto is_last = [&](int v) { return v == kVectors - 1 && rest < static_cast<size_t>(S::N); };
  const auto load = [&](const float* p, int v) { return is_last(v) ? load_some<S, Float32>(p + v * S::N, rest) : S::load(p + v * S::N); };
  const auto store = [&](float* p, int v, F x) { is_last(v) ? store_some<S>(p + v * S::N, x, rest) : S::store(p + v * S::N, x); };
  float* const state = head.state + column;
  for (size_t t = 0; t < head.length; t++) {
    const float* const q = head.q + t * head.key_step;
    const float* const k = head.k + t * head.key_step;
    const auto decay = S::set(::expf(head.g[t * head.gate_step]));
    const auto beta = S::set(head.beta[t * head.gate_step]);
    F delta[kVectors];
    for (auto& sum : delta) sum = S::zero();
    for (size_t i = 0; i < head.key_width; i++) {
      const auto key = S::set(k[i]);
      const float* const row = state + i * head.value_width;
      for (int v = 0; v < kVectors; v++) delta[v] = S::fma(key, load(row, v), delta[v]);
    }
    const float* const value = head.v + t * head.value_step + column;
    for (int v = 0; v < kVectors; v++) delta[v] = S::mul(beta, S::sub(load(value, v), S::mul(decay, delta[v])));
    F out[kVectors];
    for (auto& sum : out) sum = S::zero();
    for (size_t i = 0; i < head.key_width; i++) {
      const auto key = S::set(k[i]), query = S::set(q[i]);
      float* const row = state + i * head.value_width;
      for (int v = 0; v < kVectors; v++) {
        const auto next = S::fma(key, delta[v], S::mul(decay, load(row, v)));
        store(row, v, next);
        out[v] = S::fma(query, next, out[v]);
      }
    }
    float* const y = head.output + t * head.value_step + column;
    for (int v = 0; v < kVectors; v++) store(y, v, out[v]);
  }
}

/** Columns [from, to) of the state of a head, which is updated, and of its output. */
template <class S> void delta_rule(const DeltaHead& head, size_t from, size_t to) {
  size_t column = from;
  for (; column + kStateVectors * S::N <= to; column += kStateVectors * S::N) delta_columns<S, kStateVectors>(head, column, S::N);
  for (; column < to; column += S::N) delta_columns<S, 1>(head, column, to - column < static_cast<size_t>(S::N) ? to - column : S::N);
}

/** `y = x · factor / √(Σx² + eps)`, row by row; without a norm where eps is negative. */
template <class S> void scale_rows(const float* x, size_t rows, size_t width, float factor, float eps, float* y) {
  for (size_t row = 0; row < rows; row++, x += width, y += width) {
    float sum = eps;
    if (eps >= 0) {
      auto squares = S::zero();
      size_t i = 0;
      for (; i + S::N <= width; i += S::N) squares = S::fma(S::load(x + i), S::load(x + i), squares);
      if (i < width) {
        const auto some = load_some<S, Float32>(x + i, width - i);
        squares = S::fma(some, some, squares);
      }
      sum += S::sum(squares);
    }
    const float by = eps >= 0 ? factor / ::sqrtf(sum) : factor;
    for (size_t i = 0; i < width; i++) y[i] = x[i] * by;
  }
}

/** Channels [from, to) of a row. */
template <class S> void causal_convolution(const ConvolutionRow& row, size_t from, size_t to) {
  // Kernels that are wider are worked on in parts: of one part each tap is a vector.
  constexpr size_t kTaps = 8;
  const size_t before = row.taps - 1;
  for (size_t c = from; c < to; c += S::N) {
    const size_t count = to - c < static_cast<size_t>(S::N) ? to - c : S::N;
    const auto load = [&](const float* p) { return count == static_cast<size_t>(S::N) ? S::load(p) : load_some<S, Float32>(p, count); };
    for (size_t first = 0; first < row.taps; first += kTaps) {
      const size_t taps = row.taps - first < kTaps ? row.taps - first : kTaps;
      typename S::F weights[kTaps];
      for (size_t j = 0; j < taps; j++) {
        float tap[S::N] = {};
        for (size_t i = 0; i < count; i++) tap[i] = row.weight[(c + i) * row.taps + first + j];
        weights[j] = S::load(tap);
      }
      for (size_t t = 0; t < row.length; t++) {
        float* const y = row.y + t * row.width + c;
        auto sum = first > 0 ? load(y) : S::zero();
        for (size_t j = 0; j < taps; j++) {
          const size_t at = t + first + j;
          if (at < before && !row.past) continue;
          const float* const x = at < before ? row.past + at * row.width : row.x + (at - before) * row.width;
          sum = S::fma(weights[j], load(x + c), sum);
        }
        if (count == static_cast<size_t>(S::N)) S::store(y, sum);
        else store_some<S>(y, sum, count);
      }
    }
  }
}

}  // namespace
}  // namespace mixtape
