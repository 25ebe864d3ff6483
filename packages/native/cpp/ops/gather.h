#pragma once
// Rows by index, and sums of rows by index, on all threads where there are enough.

#include "ops/strided_copy.h"

namespace mixtape {

/** `y[o, i] = x[o, indices[i]]`, each a row of `width` values; x has `rows` of them per o, which the indices are below. */
void gather(const Value32* x, const int32_t* indices, size_t outer, size_t rows, size_t count, size_t width, Value32* y);

/** `y[ids[r]] += x[r]` for rows of `width`, y `[segments, width]` being zero at first. Ids of no segment do nothing. */
void segment_sum(const float* x, const int32_t* ids, size_t rows, size_t width, size_t segments, float* y);

}  // namespace mixtape
