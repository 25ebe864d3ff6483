#pragma once

#include <vector>

#include "core/types.h"

namespace mixtape {

/** One side of a product: matrices `[rows, columns]` of one format, any number of them. */
struct Side {
  Dtype dtype;
  size_t rows;
  size_t columns;
  bool transposed;
  std::vector<const uint8_t*> parts;
};

/**
 * `y[i] = a[left[i]] · b[right[i]]` for all `count` matrices of y, each side turned around where it is `transposed`. In float32, on
 * all threads.
 */
void matmul(const Side& a, const Side& b, const int32_t* left, const int32_t* right, size_t count, float* y);

}  // namespace mixtape
