#pragma once
// Weights of any format as float32.

#include <string.h>

#include "formats/blocks.h"
#include "formats/formats.h"

namespace mixtape {
namespace {

template <class S, class Format> void decode_format(const uint8_t* x, size_t count, float* y) {
  const auto* const from = reinterpret_cast<const typename Format::Element*>(x);
  size_t i = 0;
  for (; i + S::N <= count; i += S::N) S::store(y + i, Format::template load<S>(from + i));
  if (i < count) store_some<S>(y + i, load_some<S, Format>(from + i, count - i), count - i);
}

template <class S> void decode(Dtype from, const uint8_t* x, size_t count, float* y) {
  switch (from) {
    case Dtype::float32:
      memcpy(y, x, count * sizeof *y);
      return;
    case Dtype::bfloat16:
      return decode_format<S, Bfloat16>(x, count, y);
    default:
      return decode_format<S, Float16>(x, count, y);
  }
}

template <class S> void decode_row(const Matrix& w, size_t row, float* y) {
  if (!is_quantized(w.dtype)) return decode<S>(w.dtype, w.row(row), w.columns, y);
  decode_part(w, row, 0, w.columns, y);
}

}  // namespace
}  // namespace mixtape
