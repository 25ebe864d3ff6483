#pragma once

#include <algorithm>

#include "core/types.h"

namespace mixtape {

/** Puts a column where it belongs among the first `place` ones, which are sorted; those that it passes move on by one. */
inline void insert(const float* x, size_t column, size_t place, int32_t* indices) {
  // Strictly larger moves ahead, so of equal ones the lower column stays first.
  for (; place > 0 && x[column] > x[indices[place - 1]]; place--) indices[place] = indices[place - 1];
  indices[place] = static_cast<int32_t>(column);
}

/**
 * The columns of the k largest of a row, the largest first; of equal ones the lower column. A NaN is larger than nothing, and
 * nothing is larger than it. By insertion: routers choose a few of at most a few hundred.
 */
inline void top_k_of(const float* x, size_t width, size_t k, int32_t* indices) {
  for (size_t i = 0; i < k; i++) insert(x, i, i, indices);
  float least = x[indices[k - 1]];
  for (size_t i = k; i < width; i++) {
    if (!(x[i] > least)) continue;
    insert(x, i, k - 1, indices);
    least = x[indices[k - 1]];
  }
}

}  // namespace mixtape
