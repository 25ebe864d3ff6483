// linear, linearBack, matMul

#include <utility>

#include "bind/args.h"
#include "bind/exports.h"
#include "ops/linear.h"
#include "ops/matmul.h"

namespace mixtape {
namespace {

/** linear(out, x, weight, bias | null, width, precision): x is [tokens, width] */
void linear_of(const Args& args) {
  const auto out = args.floats(0, "out");
  const auto x = args.floats(1, "x");
  const size_t width = args.count(4, "width", 1);
  const size_t tokens = x.length / width;
  args.require(tokens * width == x.length, "x as whole rows of `width`");
  if (tokens == 0) return;
  const size_t rows = out.length / tokens;
  args.require(rows * tokens == out.length, "out as many whole rows as x");
  const Matrix w = args.matrix(2, "weight", rows, width);
  const float* const bias = args.absent(3) ? nullptr : args.floats(3, "bias", rows);
  linear(w, x.data, tokens, bias, args.precision(5), out.data);
}

/** linearBack(out, dy, weight, rows, precision, add): dy is [tokens, rows], the weight [rows, width], out [tokens, width] */
void linear_back_of(const Args& args) {
  const auto out = args.floats(0, "out");
  const auto dy = args.floats(1, "dy");
  const size_t rows = args.count(3, "rows", 1);
  const size_t tokens = dy.length / rows;
  args.require(tokens * rows == dy.length, "dy as whole rows of `rows`");
  const bool add = args.boolean(5, "add");
  if (tokens == 0) return;
  const size_t width = out.length / tokens;
  args.require(width * tokens == out.length, "out as many whole rows as dy");
  linear_back(args.matrix(2, "weight", rows, width), dy.data, tokens, args.precision(4), add, out.data);
}

/** One operand of a batched product: a weight of parts of that shape, or as many float32 numbers as some such matrices have. */
MatrixBatch matrix_batch(const Args& args, size_t index, const char* name, size_t rows, size_t columns,
          bool transposed) {
  if (transposed) std::swap(rows, columns);
  const std::string expected = std::string(name) + " of matrices [" + std::to_string(rows) + ", " + std::to_string(columns) + "]";
  if (args.is_array(index)) {
    const auto values = args.floats(index, name);
    const size_t size = args.product(rows, columns);
    if (values.length % size != 0) args.fail(expected, std::to_string(values.length) + " numbers");
    MatrixBatch batch{Dtype::float32, rows, columns, transposed, {}};
    for (size_t i = 0; i < values.length; i += size) batch.parts.push_back(reinterpret_cast<const uint8_t*>(values.data + i));
    return batch;
  }
  const Weight& weight = args.weight(index, name);
  // A stack of vectors or of matrices: only the order of its values matters.
  if (weight.rows != rows || weight.columns != columns)
    args.fail(expected, "[" + std::to_string(weight.rows) + ", " + std::to_string(weight.columns) + "]");
  return {weight.dtype, rows, columns, transposed, weight.parts, weight.scales};
}

/**
 * matMul(out, a, b, left, right, m, depth, n, transposeA, transposeB): matrix i of out, [m, n], is the product of matrix left[i] of
 * a, [m, depth], and matrix right[i] of b, [depth, n]; either may be transposed
 */
void matmul_of(const Args& args) {
  const size_t m = args.count(5, "m", 1);
  const size_t depth = args.count(6, "depth", 1);
  const size_t n = args.count(7, "n", 1);
  const MatrixBatch a = matrix_batch(args, 1, "a", m, depth, args.boolean(8, "transposeA"));
  const MatrixBatch b = matrix_batch(args, 2, "b", depth, n, args.boolean(9, "transposeB"));
  const auto given_left = args.ints(3, "left");
  const auto given_right = args.ints(4, "right");
  args.require(given_left.length == given_right.length, "left and right of one length");
  // Copied, since `out` may share the memory.
  std::vector<int32_t> left(given_left.data, given_left.data + given_left.length);
  std::vector<int32_t> right(given_right.data, given_right.data + given_right.length);
  args.check_indices({left.data(), left.size()}, a.parts.size(), "left");
  args.check_indices({right.data(), right.size()}, b.parts.size(), "right");
  float* const out = args.floats(0, "out", args.product(left.size(), args.product(m, n)));
  if (!left.empty()) matmul(a, b, left.data(), right.data(), left.size(), out);
}

}  // namespace

void export_products(Napi::Object exports) {
  export_capturable(exports, "linear", linear_of);
  export_capturable(exports, "linearBack", linear_back_of);
  export_capturable(exports, "matMul", matmul_of);
}

}  // namespace mixtape
