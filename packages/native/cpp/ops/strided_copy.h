#pragma once
// Copies of 32-bit values along strides, on all threads where there are enough.

#include "core/types.h"

namespace mixtape {

/** A float32 or an int32, copied as it is. */
using Value32 = uint32_t;

/** An axis along which values are copied: their number and their strides. */
struct CopyAxis {
  size_t size;
  size_t y_stride;
  size_t x_stride;
};

/** Maximum number of axes of a copy. */
constexpr size_t kMaxCopyAxes = 12;

/**
 * `y[Σ iₐ · y_strideₐ] = x[Σ iₐ · x_strideₐ]` for all i; rank at most kMaxCopyAxes. Each element of y is written once at most.
 */
void strided_copy(const Value32* x, const CopyAxis* axes, size_t rank, Value32* y);

}  // namespace mixtape
