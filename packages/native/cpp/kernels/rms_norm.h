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

}  // namespace
}  // namespace mixtape
