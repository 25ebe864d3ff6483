#pragma once
// [a, b] · cos + [−b, a] · sin: rotary position embedding of rows, whose pairs are half a row apart or side by side

#include <string.h>

#include "core/types.h"
#include "formats/formats.h"

namespace mixtape {
namespace {

/** One row: its first `2 · half` values are rotated, the rest of `width` is copied. x may be y. */
template <class S>
void rotate(const float* x, const float* cos, const float* sin, size_t half, size_t width, float* y) {
  size_t i = 0;
  const auto rotate_pair = [&](auto load, auto store) {
    const auto a = load(x + i);
    const auto b = load(x + half + i);
    const auto first = S::sub(S::mul(a, load(cos + i)), S::mul(b, load(sin + i)));
    const auto second = S::add(S::mul(b, load(cos + half + i)), S::mul(a, load(sin + half + i)));
    store(y + i, first);
    store(y + half + i, second);
  };
  for (; i + S::N <= half; i += S::N)
    rotate_pair([](const float* p) { return S::load(p); }, [](float* p, typename S::F v) { S::store(p, v); });
  if (i < half) {
    const size_t rest = half - i;
    rotate_pair([rest](const float* p) { return load_some<S, Float32>(p, rest); },
                [rest](float* p, typename S::F v) { store_some<S>(p, v, rest); });
  }
  memmove(y + 2 * half, x + 2 * half, (width - 2 * half) * sizeof *y);
}

/** One row whose pairs are adjacent. Plain loops: the compiler makes vectors of them, with the shuffles of the instruction set. */
inline void rotate_pairs(const float* x, const float* cos, const float* sin, size_t half, size_t width, float* y) {
  for (size_t i = 0; i < half; i++) {
    const float a = x[2 * i], b = x[2 * i + 1];
    y[2 * i] = a * cos[i] - b * sin[i];
    y[2 * i + 1] = b * cos[half + i] + a * sin[half + i];
  }
  memmove(y + 2 * half, x + 2 * half, (width - 2 * half) * sizeof *y);
}

/** Rows of `width`; rows of the tables are `table_stride` apart. */
template <class S>
void rotary(Pairs pairs, const float* x, const float* cos, const float* sin, size_t rows, size_t width, size_t half,
            size_t table_stride, float* y) {
  if (pairs == Pairs::interleaved) {
    for (size_t row = 0; row < rows; row++)
      rotate_pairs(x + row * width, cos + row * table_stride, sin + row * table_stride, half, width, y + row * width);
    return;
  }
  for (size_t row = 0; row < rows; row++)
    rotate<S>(x + row * width, cos + row * table_stride, sin + row * table_stride, half, width, y + row * width);
}

}  // namespace
}  // namespace mixtape
