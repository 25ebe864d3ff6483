#pragma once
// Float32 in a storage format.

#include <string.h>

#include "formats/formats.h"

namespace mixtape {
namespace {

/** To float32 or bfloat16. */
template <class S> void encode(Dtype to, const float* x, size_t count, uint8_t* y) {
  if (to == Dtype::float32) {
    memcpy(y, x, count * sizeof *x);
    return;
  }
  auto* const out = reinterpret_cast<uint16_t*>(y);
  size_t i = 0;
  for (; i + S::N <= count; i += S::N) S::store_bfloat16(out + i, S::load(x + i));
  if (i == count) return;
  uint16_t rest[S::N];
  S::store_bfloat16(rest, load_some<S, Float32>(x + i, count - i));
  memcpy(out + i, rest, (count - i) * sizeof *out);
}

}  // namespace
}  // namespace mixtape
