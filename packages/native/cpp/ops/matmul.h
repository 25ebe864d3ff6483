#pragma once

#include <vector>

#include "core/types.h"
#include "kernels/table.h"

namespace mixtape {

/** One operand of a batched product: any number of matrices `[rows, columns]` of one format. */
struct MatrixBatch {
  Dtype dtype;
  size_t rows;
  size_t columns;
  bool transposed;
  std::vector<const uint8_t*> parts;
  /** Scales of each part, where the format has them in a plane of their own. */
  std::vector<Scales> scales = {};

  Matrix matrix(int32_t part) const {
    const auto i = static_cast<size_t>(part);
    return {dtype, parts[i], rows, columns, scales.empty() ? Scales{} : scales[i]};
  }
};

/**
 * `y[i] = a[left[i]] · b[right[i]]` for all `count` matrices of y, each operand transposed if it is `transposed`. In float32, on
 * all threads.
 */
void matmul(const MatrixBatch& a, const MatrixBatch& b, const int32_t* left, const int32_t* right, size_t count, float* y);

/** Rows, or columns, [from, to) of a matrix. */
struct IndexRange {
  size_t from;
  size_t to;
  size_t count() const { return to - from; }
};

/**
 * Rows × columns of one product, on this thread: `y[i · stride + j] = Σ_k a[i, k] · b[j, k]`, or adds that to what is there; zeros
 * where the depth is 0.
 */
void matmul_block(const Operand& a, const Operand& b, size_t depth, IndexRange rows, IndexRange columns, float* y, size_t stride,
                  bool add = false);

}  // namespace mixtape
