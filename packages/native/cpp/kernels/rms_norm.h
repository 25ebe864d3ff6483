#pragma once
// scale · x / √(mean(x²) + eps), row by row

#include <math.h>

#include "formats/formats.h"

namespace mixtape {
namespace {

template <class S> float sum_of_squares(const float* x, size_t width) {
  // Four sums, for a sum of its own waits for itself.
  typename S::F sums[4] = {S::zero(), S::zero(), S::zero(), S::zero()};
  size_t i = 0;
  for (; i + 4 * S::N <= width; i += 4 * S::N)
    for (int part = 0; part < 4; part++) {
      const auto v = S::load(x + i + part * S::N);
      sums[part] = S::fma(v, v, sums[part]);
    }
  for (; i + S::N <= width; i += S::N) {
    const auto v = S::load(x + i);
    sums[0] = S::fma(v, v, sums[0]);
  }
  if (i < width) {
    const auto v = load_some<S, Float32>(x + i, width - i);
    sums[1] = S::fma(v, v, sums[1]);
  }
  return S::sum(S::add(S::add(sums[0], sums[1]), S::add(sums[2], sums[3])));
}

template <class S>
void rms_norm(const float* x, const float* scale, const float* residual, size_t rows, size_t width, float eps, float* y) {
  for (size_t row = 0; row < rows; row++, x += width, y += width) {
    const float mean = sum_of_squares<S>(x, width) / static_cast<float>(width);
    const auto factor = S::set(1 / ::sqrtf(mean + eps));
    size_t i = 0;
    for (; i + S::N <= width; i += S::N) {
      const auto normed = S::mul(S::mul(S::load(x + i), factor), S::load(scale + i));
      S::store(y + i, residual ? S::add(S::load(residual + i), normed) : normed);
    }
    if (i < width) {
      const size_t rest = width - i;
      const auto x_rest = load_some<S, Float32>(x + i, rest);
      const auto normed = S::mul(S::mul(x_rest, factor), load_some<S, Float32>(scale + i, rest));
      store_some<S>(y + i, residual ? S::add(load_some<S, Float32>(residual + i, rest), normed) : normed, rest);
    }
    if (residual) residual += width;
  }
}

/** Σ of `a · b · c`. */
template <class S> float sum_of_products(const float* a, const float* b, const float* c, size_t width) {
  typename S::F sums[2] = {S::zero(), S::zero()};
  size_t i = 0;
  for (; i + 2 * S::N <= width; i += 2 * S::N)
    for (int part = 0; part < 2; part++) {
      const size_t at = i + part * S::N;
      sums[part] = S::fma(S::mul(S::load(a + at), S::load(b + at)), S::load(c + at), sums[part]);
    }
  for (; i < width; i += S::N) {
    const size_t rest = width - i < S::N ? width - i : S::N;
    const auto some = [&](const float* p) { return rest == S::N ? S::load(p + i) : load_some<S, Float32>(p + i, rest); };
    sums[0] = S::fma(S::mul(some(a), some(b)), some(c), sums[0]);
  }
  return S::sum(S::add(sums[0], sums[1]));
}

/**
 * With r = 1 / √(mean(x²) + eps): `grad_x = r · (scale · dy − x · r² · mean(scale · dy · x))`, and `grad_scale += r · x · dy` over all
 * rows. Either may be null.
 */
template <class S>
void rms_norm_back(const float* x, const float* scale, const float* dy, size_t rows, size_t width, float eps, float* grad_x,
                   float* grad_scale) {
  const auto count = static_cast<float>(width);
  for (size_t row = 0; row < rows; row++, x += width, dy += width) {
    const float r = 1 / ::sqrtf(sum_of_squares<S>(x, width) / count + eps);
    const auto factor = S::set(r);
    const auto pull = S::set(grad_x ? r * r * sum_of_products<S>(x, scale, dy, width) / count : 0);
    for (size_t i = 0; i < width; i += S::N) {
      const size_t rest = width - i < S::N ? width - i : S::N;
      const auto some = [&](const float* p) { return rest == S::N ? S::load(p + i) : load_some<S, Float32>(p + i, rest); };
      const auto put = [&](float* p, typename S::F v) { rest == S::N ? S::store(p + i, v) : store_some<S>(p + i, v, rest); };
      const auto own = some(x), upstream = some(dy);
      if (grad_scale) put(grad_scale, S::fma(S::mul(own, factor), upstream, some(grad_scale)));
      if (grad_x) put(grad_x, S::mul(factor, S::sub(S::mul(some(scale), upstream), S::mul(own, pull))));
    }
    if (grad_x) grad_x += width;
  }
}

}  // namespace
}  // namespace mixtape
