#pragma once
// Sums, largest numbers and softmax of a row.

#include "formats/formats.h"
#include "kernels/elementwise.h"
#include "kernels/maths.h"

namespace mixtape {
namespace {

/** Summand for each vector of values. */
template <class S> struct Itself {
  static typename S::F added(typename S::F sum, typename S::F x) { return S::add(sum, x); }
};
template <class S> struct ItsSquare {
  static typename S::F added(typename S::F sum, typename S::F x) { return S::fma(x, x, sum); }
};

template <class S, class Term> float sum_with(const float* x, size_t count) {
  // Four sums, for a sum of its own waits for itself.
  typename S::F sums[4] = {S::zero(), S::zero(), S::zero(), S::zero()};
  size_t i = 0;
  for (; i + 4 * S::N <= count; i += 4 * S::N)
    for (int part = 0; part < 4; part++) sums[part] = Term::added(sums[part], S::load(x + i + part * S::N));
  for (; i + S::N <= count; i += S::N) sums[0] = Term::added(sums[0], S::load(x + i));
  if (i < count) sums[1] = Term::added(sums[1], load_some<S, Float32>(x + i, count - i));
  return S::sum(S::add(S::add(sums[0], sums[1]), S::add(sums[2], sums[3])));
}

template <class S> float sum_of(const float* x, size_t count) { return sum_with<S, Itself<S>>(x, count); }
template <class S> float sum_squares_of(const float* x, size_t count) { return sum_with<S, ItsSquare<S>>(x, count); }

/** The larger one; a NaN where there is one. */
template <class S> typename S::F max_or_nan(typename S::F a, typename S::F b) {
  return S::select_nan(a, a, S::max(a, b));
}

/** Of at least one number; a NaN where there is one. */
inline float max_of_few(const float* x, size_t count) {
  float largest = x[0];
  for (size_t i = 1; i < count; i++) largest = x[i] > largest || x[i] != x[i] ? x[i] : largest;
  return largest;
}

template <class S> float max_of(const float* x, size_t count) {
  if (count < S::N) return max_of_few(x, count);
  auto all = S::load(x);
  for (size_t i = S::N; i + S::N <= count; i += S::N) all = max_or_nan<S>(all, S::load(x + i));
  // The last ones, with some before them again.
  all = max_or_nan<S>(all, S::load(x + count - S::N));
  float lanes[S::N];
  S::store(lanes, all);
  return max_of_few(lanes, S::N);
}

/** eˣ⁻ᵐ of each number, and the sum of these. */
template <class S> float exp_below(const float* x, float m, size_t count, float* y) {
  const auto most = S::set(m);
  auto sum = S::zero();
  size_t i = 0;
  for (; i + S::N <= count; i += S::N) {
    const auto e = exp<S>(S::sub(S::load(x + i), most));
    S::store(y + i, e);
    sum = S::add(sum, e);
  }
  float rest = 0;
  if (i < count) {
    store_some<S>(y + i, exp<S>(S::sub(load_some<S, Float32>(x + i, count - i), most)), count - i);
    for (; i < count; i++) rest += y[i];
  }
  return S::sum(sum) + rest;
}

template <class S> void softmax(const float* x, size_t rows, size_t width, float* y) {
  if (width == 0) return;
  for (size_t row = 0; row < rows; row++, x += width, y += width) {
    const float sum = exp_below<S>(x, max_of<S>(x, width), width, y);
    binary<S>(Binary::divide, y, false, &sum, true, width, y);
  }
}

/** ln Σ eˣ of a row that is not empty. */
template <class S> float log_sum_exp(const float* x, size_t width) {
  const float most = max_of<S>(x, width);
  const auto below = S::set(most);
  typename S::F sums[2] = {S::zero(), S::zero()};
  size_t i = 0;
  for (; i + 2 * S::N <= width; i += 2 * S::N)
    for (int part = 0; part < 2; part++) sums[part] = S::add(sums[part], exp<S>(S::sub(S::load(x + i + part * S::N), below)));
  float sum = S::sum(S::add(sums[0], sums[1]));
  while (i < width) {
    const size_t rest = width - i < S::N ? width - i : S::N;
    float few[S::N];
    S::store(few, exp<S>(S::sub(load_some<S, Float32>(x + i, rest), below)));
    for (size_t j = 0; j < rest; j++) sum += few[j];
    i += rest;
  }
  return most + ::logf(sum);
}

/** `y = factor · eˣ⁻ˡ`; y may be x. */
template <class S> void scaled_exp(const float* x, float log_sum, float factor, size_t count, float* y) {
  const auto below = S::set(log_sum), times = S::set(factor);
  size_t i = 0;
  for (; i + S::N <= count; i += S::N) S::store(y + i, S::mul(times, exp<S>(S::sub(S::load(x + i), below))));
  if (i == count) return;
  const auto rest = S::mul(times, exp<S>(S::sub(load_some<S, Float32>(x + i, count - i), below)));
  store_some<S>(y + i, rest, count - i);
}

}  // namespace
}  // namespace mixtape
