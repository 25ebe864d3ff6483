#pragma once
// All quantised formats.

#include "formats/int4.h"
#include "formats/int8.h"
#include "formats/iq4_nl.h"
#include "formats/iq4_xs.h"
#include "formats/mxfp4.h"
#include "formats/q2_k.h"
#include "formats/q3_k.h"
#include "formats/q4_0.h"
#include "formats/q4_1.h"
#include "formats/q4_k.h"
#include "formats/q5_0.h"
#include "formats/q5_1.h"
#include "formats/q5_k.h"
#include "formats/q6_k.h"
#include "formats/q8_0.h"

namespace mixtape {
namespace {

/** Whether scales are in a plane of their own. */
constexpr bool is_planar(Dtype dtype) { return dtype >= Dtype::int4; }

/** Calls `use` with the format of a dtype. */
template <class Use> decltype(auto) with_format(Dtype dtype, Use&& use) {
  switch (dtype) {
    case Dtype::q4_0:
      return use(Q4_0{});
    case Dtype::q4_1:
      return use(Q4_1{});
    case Dtype::q5_0:
      return use(Q5_0{});
    case Dtype::q5_1:
      return use(Q5_1{});
    case Dtype::q2_k:
      return use(Q2_K{});
    case Dtype::q3_k:
      return use(Q3_K{});
    case Dtype::q4_k:
      return use(Q4_K{});
    case Dtype::q5_k:
      return use(Q5_K{});
    case Dtype::q6_k:
      return use(Q6_K{});
    case Dtype::iq4_nl:
      return use(IQ4_NL{});
    case Dtype::iq4_xs:
      return use(IQ4_XS{});
    case Dtype::mxfp4:
      return use(MXFP4{});
    case Dtype::int4:
      return use(Int4{});
    case Dtype::int8:
      return use(Int8{});
    default:
      return use(Q8_0{});
  }
}

/** The scale of a group of a row, for formats with a plane of them. */
inline float scale_at(const Matrix& w, size_t row, size_t group) {
  const uint8_t* const scales = w.scales.data + (row * (w.columns / w.scales.group) + group) * 2;
  return w.scales.dtype == Dtype::bfloat16 ? bfloat16_at(scales) : half_at(scales);
}

/** Decodes numbers [from, from + count) of a row, both multiples of a block, and of 32 where scales are apart. */
template <class Format> void decode_blocks(const Matrix& w, size_t row, size_t from, size_t count, float* y) {
  const uint8_t* at = w.row(row) + bytes_of(Format::dtype, from);
  if constexpr (is_planar(Format::dtype)) {
    for (size_t i = 0; i < count; i += 32, at += bytes_of(Format::dtype, 32))
      Format::decode(at, scale_at(w, row, (from + i) / w.scales.group), 32, y + i);
  } else {
    for (size_t i = 0; i < count; i += Format::kElements, at += Format::kBytes) Format::decode(at, y + i);
  }
}

inline void decode_part(const Matrix& w, size_t row, size_t from, size_t count, float* y) {
  with_format(w.dtype, [&](auto format) { decode_blocks<decltype(format)>(w, row, from, count, y); });
}

}  // namespace
}  // namespace mixtape
