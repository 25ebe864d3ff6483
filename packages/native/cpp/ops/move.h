#pragma once
// Numbers from place to place, unchanged, on all threads where there are enough. A word is a float32 or an int32.

#include "core/types.h"

namespace mixtape {

using Word = uint32_t;

/** An axis along which words are copied: their number and their stride, in words. */
struct MoveAxis {
  size_t size;
  size_t y_step;
  size_t x_step;
};

/** The most axes of a move. */
constexpr size_t kMoveAxes = 12;

/** `y[Σ iₐ · y_stepₐ] = x[Σ iₐ · x_stepₐ]` for all i; rank at most kMoveAxes. Places of y are not met twice. */
void move(const Word* x, const MoveAxis* axes, size_t rank, Word* y);

/** `y[o, i] = x[o, indices[i]]`, each a row of `width` words; x has `rows` of them per o, which the indices are below. */
void gather(const Word* x, const int32_t* indices, size_t outer, size_t rows, size_t count, size_t width, Word* y);

/** `y[ids[r]] += x[r]` for rows of `width`, y `[segments, width]` being zero at first. Ids of no segment do nothing. */
void segment_sum(const float* x, const int32_t* ids, size_t rows, size_t width, size_t segments, float* y);

}  // namespace mixtape
