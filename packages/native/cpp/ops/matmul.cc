#include "ops/matmul.h"

#include <algorithm>
#include <cstring>

#include "core/pool.h"
#include "core/scratch.h"
#include "kernels/table.h"
#include "ops/linear.h"
#include "ops/share.h"

namespace mixtape {
namespace {

/** A task multiplies about so many rows by so many columns, so many numbers deep at a time: what it copies stays in a core's cache. */
constexpr size_t kRows = 240;
constexpr size_t kColumns = 480;
constexpr size_t kDepth = 256;
/** Products of numbers that are worth another thread. */
constexpr size_t kMinProducts = size_t{1} << 17;
/** Below so many rows, products with a transposed matrix are read as dot products. */
constexpr size_t kFewRows = 16;

/** Shares of about `size`, as even as multiples of `unit` allow. */
Shares even(size_t total, size_t size, size_t unit) {
  const size_t count = std::max<size_t>(1, (total + size - 1) / size);
  const size_t each = (total + count - 1) / count;
  return Shares(total, (each + unit - 1) / unit * unit);
}

/** Rows of a block, of which there are `beside` for each: where there are few blocks in all, such that threads have as many each. */
size_t rows_of_block(size_t m, size_t beside, size_t unit) {
  const auto threads = static_cast<size_t>(Pool::shared().size());
  size_t blocks = (m + kRows - 1) / kRows;
  while (blocks * beside < 4 * threads && blocks * beside % threads != 0 && blocks * unit < m) blocks++;
  return (m + blocks - 1) / blocks;
}

/** One matrix of an operand, decoded to `memory` if it is quantised. */
MatrixBatch decoded(const MatrixBatch& operand, int32_t part, Scratch& scratch) {
  const Matrix matrix = operand.matrix(part);
  if (!is_quantized(operand.dtype)) return {matrix.dtype, matrix.rows, matrix.columns, operand.transposed, {matrix.data}};
  float* const numbers = scratch.floats(matrix.rows * matrix.columns);
  for_rows(matrix.rows, matrix.columns, [&](size_t from, size_t to) {
    for (size_t row = from; row < to; row++) kernels().decode_row(matrix, row, numbers + row * matrix.columns);
  });
  return {Dtype::float32, matrix.rows, matrix.columns, operand.transposed, {reinterpret_cast<const uint8_t*>(numbers)}};
}

/** Products with quantised matrices, one after the other: strips of them are decoded, or all of one that is the left operand. */
void matmul_quantized(const MatrixBatch& a, const MatrixBatch& b, const int32_t* left, const int32_t* right, size_t count, size_t size, float* y) {
  const size_t m = a.transposed ? a.columns : a.rows;
  const int32_t first = 0;
  for (size_t i = 0; i < count; i++, y += size) {
    if (a.dtype == Dtype::float32 && !a.transposed) {
      const float* const x = reinterpret_cast<const float*>(a.matrix(left[i]).data);
      const Matrix w = b.matrix(right[i]);
      if (b.transposed) {
        linear(w, x, m, nullptr, Precision::float32, y);
      } else {
        linear_back(w, x, m, Precision::float32, false, y);
      }
      continue;
    }
    Scratch scratch;
    const MatrixBatch x = decoded(a, left[i], scratch);
    matmul(x, decoded(b, right[i], scratch), &first, &first, 1, y);
  }
}

}  // namespace

void matmul_block(const Operand& a, const Operand& b, size_t depth, IndexRange rows, IndexRange columns, float* y, size_t stride,
                  bool add) {
  const MatrixProduct& product = kernels().matrices;
  const size_t deep = std::min(depth, kDepth);
  Scratch scratch;
  float* const left = scratch.floats((rows.count() + product.rows - 1) / product.rows * product.rows * deep);
  float* const right = scratch.floats((columns.count() + product.columns - 1) / product.columns * product.columns * deep);
  for (size_t k = 0; k < depth; k += deep) {
    const size_t now = std::min(deep, depth - k);
    product.pack_left(a, rows.from, rows.count(), k, now, left);
    product.pack_right(b, columns.from, columns.count(), k, now, right);
    product.multiply(left, rows.count(), right, columns.count(), now, add || k > 0, y + rows.from * stride + columns.from, stride);
  }
  if (depth > 0 || add) return;
  for (size_t i = rows.from; i < rows.to; i++) std::memset(y + i * stride + columns.from, 0, columns.count() * sizeof *y);
}

void matmul(const MatrixBatch& a, const MatrixBatch& b, const int32_t* left, const int32_t* right, size_t count, float* y) {
  const size_t m = a.transposed ? a.columns : a.rows;
  const size_t depth = a.transposed ? a.rows : a.columns;
  const size_t n = b.transposed ? b.rows : b.columns;
  if (depth == 0) {
    std::memset(y, 0, count * m * n * sizeof *y);
    return;
  }
  if (is_quantized(a.dtype) || is_quantized(b.dtype)) return matmul_quantized(a, b, left, right, count, m * n, y);
  if (count == 1 && m < kFewRows && !a.transposed && b.transposed && a.dtype == Dtype::float32) {
    const float* const x = reinterpret_cast<const float*>(a.parts[static_cast<size_t>(left[0])]);
    return linear({b.dtype, b.parts[static_cast<size_t>(right[0])], n, depth}, x, m, nullptr, Precision::float32, y);
  }
  const MatrixProduct& product = kernels().matrices;
  const Shares columns = even(n, kColumns, product.columns);
  const Shares rows = even(m, rows_of_block(m, count * columns.count, product.rows), product.rows);
  const size_t blocks = rows.count * columns.count;
  const size_t products = std::max<size_t>(1, m * n * depth / blocks);
  const Shares tasks(count * blocks, std::max<size_t>(1, kMinProducts / products));
  Pool::shared().run(tasks.count, [&](size_t task) {
    for (size_t i = tasks.from(task); i < tasks.to(task); i++) {
      const size_t matrix = i / blocks;
      const size_t row = i % blocks % rows.count;
      const size_t column = i % blocks / rows.count;
      const uint8_t* const l = a.parts[static_cast<size_t>(left[matrix])];
      const uint8_t* const r = b.parts[static_cast<size_t>(right[matrix])];
      const Operand x = a.transposed ? Operand{a.dtype, l, 1, m} : Operand{a.dtype, l, depth, 1};
      const Operand w = b.transposed ? Operand{b.dtype, r, depth, 1} : Operand{b.dtype, r, 1, n};
      matmul_block(x, w, depth, {rows.from(row), rows.to(row)}, {columns.from(column), columns.to(column)}, y + matrix * m * n, n);
    }
  });
}

}  // namespace mixtape
