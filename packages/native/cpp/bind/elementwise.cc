// binary, unary, sumRows, maxRows, sumColumns, softmax, adamW, sumSquares

#include "ops/elementwise.h"

#include <vector>

#include "bind/args.h"
#include "bind/exports.h"

namespace mixtape {
namespace {

/** Axes [size, a stride, b stride] one behind the other; checks that a, b and out hold all that they meet. */
std::vector<BinaryAxis> axes_of(const Args& args, Span<double> given, Span<float> a, Span<float> b, Span<float> out) {
  args.require(given.length > 0 && given.length % 3 == 0, "axes of three numbers each");
  std::vector<BinaryAxis> axes;
  size_t count = 1, a_last = 0, b_last = 0;
  for (size_t i = 0; i < given.length; i += 3) {
    const BinaryAxis axis{args.to_size(given.data[i], "a size"), args.to_size(given.data[i + 1], "a stride"),
                          args.to_size(given.data[i + 2], "a stride")};
    count = args.product(count, axis.size);
    const size_t last = axis.size > 0 ? axis.size - 1 : 0;
    a_last += args.product(last, axis.a_stride);
    b_last += args.product(last, axis.b_stride);
    axes.push_back(axis);
  }
  args.require(axes.back().a_stride <= 1 && axes.back().b_stride <= 1, "a last axis with strides of 0 or 1");
  args.require(out.length == count, "out as long as the axes say");
  args.require(count == 0 || (a_last < a.length && b_last < b.length), "operands that hold what the axes reach");
  return axes;
}

/** binary(out, a, b, operation, axes?): without axes the shorter operand, whose length divides the other's, is repeated */
void binary_of(const Args& args) {
  const auto out = args.floats(0, "out");
  const auto a = args.floats(1, "a");
  const auto b = args.floats(2, "b");
  const auto operation = static_cast<Binary>(args.count(3, "operation", 0, 3));
  if (!args.absent(4)) {
    const auto axes = axes_of(args, args.doubles(4, "axes"), a, b, out);
    if (out.length > 0) binary(operation, a.data, b.data, axes.data(), axes.size(), out.data);
    return;
  }
  const size_t longer = a.length > b.length ? a.length : b.length;
  const size_t shorter = a.length + b.length - longer;
  args.require(out.length == longer, "out as long as the longer operand");
  args.require(longer == shorter || (shorter > 0 && longer % shorter == 0), "an operand as many times as long as the other");
  if (longer > 0) binary(operation, a.data, a.length, b.data, b.length, out.data);
}

/** unary(out, x, operation) */
void unary_of(const Args& args) {
  const auto out = args.floats(0, "out");
  const float* const x = args.floats(1, "x", out.length);
  unary(static_cast<Unary>(args.count(2, "operation", 0, 9)), x, out.length, out.data);
}

/** Returns the number of values of x per value of out. */
size_t width_of(const Args& args, size_t x, size_t out) {
  args.require(out > 0 && x > 0 && x % out == 0, "x as whole rows, none empty, one for each number of out");
  return x / out;
}

/** sumRows(out, x, divisor) */
void sum_rows_of(const Args& args) {
  const auto out = args.floats(0, "out");
  const auto x = args.floats(1, "x");
  const size_t width = width_of(args, x.length, out.length);
  sum_rows(x.data, out.length, width, static_cast<float>(args.number(2, "divisor")), out.data);
}

/** maxRows(out, x) */
void max_rows_of(const Args& args) {
  const auto out = args.floats(0, "out");
  const auto x = args.floats(1, "x");
  max_rows(x.data, out.length, width_of(args, x.length, out.length), out.data);
}

/** sumColumns(out, x, inner): x is [outer, n, inner], out [outer, inner] */
void sum_columns_of(const Args& args) {
  const auto out = args.floats(0, "out");
  const auto x = args.floats(1, "x");
  const size_t inner = args.count(2, "inner", 1);
  const size_t count = width_of(args, x.length, out.length);
  args.require(out.length % inner == 0, "out as whole rows of `inner`");
  sum_columns(x.data, out.length / inner, count, inner, out.data);
}

/** softmax(out, x, width) */
void softmax_of(const Args& args) {
  const auto out = args.floats(0, "out");
  const float* const x = args.floats(1, "x", out.length);
  const size_t width = args.count(2, "width", 1);
  args.require(out.length % width == 0, "x as whole rows of `width`");
  softmax(x, out.length / width, width, out.data);
}

/** adamW(weightOut, meanOut, varianceOut, weight, mean, variance, gradient?, params): the params as in AdamWParams */
void adam_w_of(const Args& args) {
  const auto out = args.floats(0, "weightOut");
  const auto mean_out = args.floats(1, "meanOut");
  const auto variance_out = args.floats(2, "varianceOut");
  args.require(mean_out.length == out.length && variance_out.length == out.length, "outputs of one length");
  const AdamWTensors from{args.floats(3, "weight", out.length), args.floats(4, "mean", out.length),
                          args.floats(5, "variance", out.length),
                          args.absent(6) ? nullptr : args.floats(6, "gradient", out.length)};
  const auto given = args.doubles(7, "params");
  args.require(given.length == 7, "seven params");
  const auto number = [&](size_t i) { return static_cast<float>(given.data[i]); };
  const auto one_minus = [&](size_t i) { return static_cast<float>(1 - given.data[i]); };
  const AdamWParams params{number(0), one_minus(0), number(1), one_minus(1), number(2),
                           number(3), number(4),    number(5), number(6)};
  float* const to[] = {out.data, mean_out.data, variance_out.data};
  if (out.length > 0) adam_w(params, from, out.length, to);
}

/** sumSquares(out, x): out is one number */
void sum_squares_of(const Args& args) {
  float* const out = args.floats(0, "out", 1);
  const auto x = args.floats(1, "x");
  *out = sum_squares(x.data, x.length);
}

}  // namespace

void export_elementwise(Napi::Object exports) {
  export_capturable(exports, "binary", binary_of);
  export_capturable(exports, "unary", unary_of);
  export_capturable(exports, "sumRows", sum_rows_of);
  export_capturable(exports, "maxRows", max_rows_of);
  export_capturable(exports, "sumColumns", sum_columns_of);
  export_capturable(exports, "softmax", softmax_of);
  export_capturable(exports, "adamW", adam_w_of);
  export_capturable(exports, "sumSquares", sum_squares_of);
}

}  // namespace mixtape
