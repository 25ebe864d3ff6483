#pragma once
// How the elements of each storage format become vectors of float32. A format is a struct that offers
//   dtype, Element, load<S>(const Element*) -> S::N floats, and load_some for the first n of them, zeros behind.

#include "core/types.h"

namespace mixtape {
namespace {

struct Float32 {
  using Element = float;
  static constexpr Dtype dtype = Dtype::float32;
  template <class S> static typename S::F load(const Element* p) { return S::load(p); }
};

struct Bfloat16 {
  using Element = uint16_t;
  static constexpr Dtype dtype = Dtype::bfloat16;
  template <class S> static typename S::F load(const Element* p) { return S::load_bfloat16(p); }
};

struct Float16 {
  using Element = uint16_t;
  static constexpr Dtype dtype = Dtype::float16;
  template <class S> static typename S::F load(const Element* p) { return S::load_float16(p); }
};

/** The first `count` elements, fewer than a vector holds, zeros behind them. */
template <class S, class Format> inline typename S::F load_some(const typename Format::Element* p, size_t count) {
  if constexpr (Format::dtype == Dtype::float32) return S::load_first(p, count);
  typename Format::Element block[S::N] = {};
  __builtin_memcpy(block, p, count * sizeof *p);
  return Format::template load<S>(block);
}

template <class S> inline void store_some(float* p, typename S::F x, size_t count) { S::store_first(p, x, count); }

}  // namespace
}  // namespace mixtape
