#pragma once
// Storage formats of keys and values: rows of numbers to a format, and back.

#include <string.h>

#include "core/key_values.h"
#include "formats/formats.h"
#include "kernels/decode.h"
#include "kernels/encode.h"

namespace mixtape {
namespace {

/** Codes of a row of int8, as numbers: a value is its code times the scale of the row. */
struct Int8Codes {
  using Element = int8_t;
  static constexpr Dtype dtype = Dtype::int8;
  template <class S> static typename S::F load(const Element* p) { return S::load_int8(p); }
};

/** Whether rows of a format have a scale. */
template <class Format> constexpr bool kHasScale = Format::dtype == Dtype::int8;

/** Calls `use` with the format of a dtype. */
template <class Use> decltype(auto) with_key_value_format(KeyValueDtype dtype, Use&& use) {
  switch (dtype) {
    case KeyValueDtype::int8:
      return use(Int8Codes{});
    case KeyValueDtype::bfloat16:
      return use(Bfloat16{});
    default:
      return use(Float32{});
  }
}

/**
 * Rounds a row to codes of −127 to 127, ties to even: the scale is the largest magnitude over 127.
 * @returns the scale; 0 for rows too small for one, NaN for rows with an infinity or a NaN
 */
template <class S> float quantize_row(const float* x, size_t width, int8_t* codes) {
  using F = typename S::F;
  /** Of smaller rows, the scale would lose digits. */
  constexpr float kTiny = 0x1p-100f;
  const auto at = [&](size_t i) { return width - i < S::N ? load_some<S, Float32>(x + i, width - i) : S::load(x + i); };
  F largest = S::zero();
  // 0, or NaN where a number is not finite.
  F zeros = S::zero();
  for (size_t i = 0; i < width; i += S::N) {
    const F value = at(i);
    largest = S::max(largest, S::max(value, S::sub(S::zero(), value)));
    zeros = S::fma(value, S::zero(), zeros);
  }
  const float magnitude = S::reduce_max(largest);
  if (!(S::sum(zeros) == 0) || magnitude < kTiny) {
    memset(codes, 0, width);
    return S::sum(zeros) == 0 ? 0 : __builtin_nanf("");
  }
  const float scale = magnitude / 127;
  for (size_t i = 0; i < width; i += S::N) {
    float rounded[S::N];
    S::store(rounded, S::round(S::div(at(i), S::set(scale))));
    const size_t count = width - i < S::N ? width - i : S::N;
    for (size_t k = 0; k < count; k++) codes[i + k] = static_cast<int8_t>(rounded[k]);
  }
  return scale;
}

/** Encodes contiguous rows of `width` numbers. `scales` has one of each row of int8. */
template <class S> void encode_key_values(KeyValueDtype to, const float* x, size_t rows, size_t width, uint8_t* y, float* scales) {
  if (to != KeyValueDtype::int8) return encode<S>(to == KeyValueDtype::float32 ? Dtype::float32 : Dtype::bfloat16, x, rows * width, y);
  for (size_t row = 0; row < rows; row++)
    scales[row] = quantize_row<S>(x + row * width, width, reinterpret_cast<int8_t*>(y + row * width));
}

/** Decodes the first `width` numbers of rows that are `stride` elements apart. */
template <class S, class Format>
void decode_rows(const uint8_t* x, const float* scales, size_t rows, size_t stride, size_t width, float* y) {
  using F = typename S::F;
  const auto* const from = reinterpret_cast<const typename Format::Element*>(x);
  if constexpr (kHasScale<Format>) {
    for (size_t row = 0; row < rows; row++) {
      const auto* const codes = from + row * stride;
      const F scale = S::set(scales[row]);
      float* const out = y + row * width;
      size_t i = 0;
      for (; i + S::N <= width; i += S::N) S::store(out + i, S::mul(Format::template load<S>(codes + i), scale));
      if (i < width) store_some<S>(out + i, S::mul(load_some<S, Format>(codes + i, width - i), scale), width - i);
    }
  } else {
    if (stride == width) return decode_format<S, Format>(x, rows * width, y);
    for (size_t row = 0; row < rows; row++)
      decode_format<S, Format>(reinterpret_cast<const uint8_t*>(from + row * stride), width, y + row * width);
  }
}

template <class S>
void decode_key_values(KeyValueDtype from, const uint8_t* x, const float* scales, size_t rows, size_t stride, size_t width, float* y) {
  with_key_value_format(from, [&](auto format) { decode_rows<S, decltype(format)>(x, scales, rows, stride, width, y); });
}

}  // namespace
}  // namespace mixtape
