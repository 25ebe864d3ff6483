#pragma once

#include "core/types.h"

namespace mixtape {

/** One of several linear maps of one input, `w` `[heads · D, M]`; `bias` may be null. */
struct HeadProjection {
  Matrix w;
  const float* bias;
  /** `[rows, heads, length, D]` */
  float* y;
};

/** Projects x `[rows, length, M]` by each map, and splits what comes out into heads of D. On all threads. */
void project_heads(const HeadProjection* maps, size_t count, const float* x, size_t rows, size_t length, size_t head,
                   Precision precision);

}  // namespace mixtape
