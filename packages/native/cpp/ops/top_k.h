#pragma once

#include <algorithm>

#include "core/types.h"

namespace mixtape {

/**
 * The columns of the k largest of a row, the largest first; of equal ones the lower column. A NaN is larger than nothing, and
 * nothing is larger than it. By insertion: routers choose a few of at most a few hundred.
 */
inline void top_k_of(const float* x, size_t width, size_t k, int32_t* indices) {
  for (size_t i = 0; i < width; i++) {
    size_t place = std::min(i, k);
    // Strictly larger moves ahead, so of equal scores the lower column stays first.
    for (; place > 0 && x[i] > x[indices[place - 1]]; place--)
      if (place < k) indices[place] = indices[place - 1];
    if (place < k) indices[place] = static_cast<int32_t>(i);
  }
}

}  // namespace mixtape
