#include "ops/elementwise.h"

#include <cstring>

#include "core/scratch.h"
#include "kernels/table.h"
#include "ops/share.h"

namespace mixtape {
namespace {

/** Rows of a column sum that are added before they join the rest: sums of sums lose fewer digits. */
constexpr size_t kRowsAtOnce = 64;

}  // namespace

void binary(Binary operation, const float* a, size_t a_count, const float* b, size_t b_count, float* y) {
  const size_t count = std::max(a_count, b_count);
  const size_t width = std::min(a_count, b_count);
  if (width == 1 || width == count) {
    const bool broadcast_a = a_count < count;
    const bool broadcast_b = b_count < count;
    for_rows(count, 1, [&](size_t from, size_t to) {
      kernels().binary(operation, broadcast_a ? a : a + from, broadcast_a, broadcast_b ? b : b + from, broadcast_b, to - from, y + from);
    }, kCopyShareElements);
    return;
  }
  for_rows(count / width, width, [&](size_t from, size_t to) {
    for (size_t at = from * width; at < to * width; at += width)
      kernels().binary(operation, a_count < count ? a : a + at, false, b_count < count ? b : b + at, false, width, y + at);
  }, kCopyShareElements);
}

void binary(Binary operation, const float* a, const float* b, const BinaryAxis* axes, size_t rank, float* y) {
  const BinaryAxis& last = axes[rank - 1];
  size_t rows = 1;
  for (size_t axis = 0; axis + 1 < rank; axis++) rows *= axes[axis].size;
  for_rows(rows, last.size, [&](size_t from, size_t to) {
    for (size_t row = from; row < to; row++) {
      const float* a_row = a;
      const float* b_row = b;
      for (size_t axis = rank - 1, left = row; axis-- > 0; left /= axes[axis].size) {
        a_row += left % axes[axis].size * axes[axis].a_stride;
        b_row += left % axes[axis].size * axes[axis].b_stride;
      }
      float* const y_row = y + row * last.size;
      kernels().binary(operation, a_row, last.a_stride == 0, b_row, last.b_stride == 0, last.size, y_row);
    }
  }, kCopyShareElements);
}

void unary(Unary operation, const float* x, size_t count, float* y) {
  for_rows(count, 1, [&](size_t from, size_t to) { kernels().unary(operation, x + from, to - from, y + from); });
}

void sum_rows(const float* x, size_t rows, size_t width, float divisor, float* y) {
  // Long rows are shared, and always cut at the same places: the sum does not depend on the number of threads.
  const Shares parts(width, kShareElements);
  Scratch scratch;
  float* const sums = scratch.floats(rows * parts.count);
  for_rows(rows * parts.count, std::min(width, kShareElements), [&](size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
      const size_t part = i % parts.count;
      sums[i] = kernels().sum(x + i / parts.count * width + parts.from(part), parts.to(part) - parts.from(part));
    }
  });
  for (size_t row = 0; row < rows; row++) {
    float sum = 0;
    for (size_t part = 0; part < parts.count; part++) sum += sums[row * parts.count + part];
    y[row] = sum / divisor;
  }
}

void max_rows(const float* x, size_t rows, size_t width, float* y) {
  for_rows(rows, width, [&](size_t from, size_t to) {
    for (size_t row = from; row < to; row++) y[row] = kernels().max(x + row * width, width);
  });
}

void sum_columns(const float* x, size_t outer, size_t count, size_t inner, float* y) {
  const Shares shares = columns_of(inner, outer * count);
  Scratch scratch;
  float* const sums = scratch.floats(outer * inner);
  Pool::shared().run(outer * shares.count, [&](size_t share) {
    const size_t block = share / shares.count;
    const size_t from = shares.from(share % shares.count);
    const size_t width = shares.to(share % shares.count) - from;
    const float* const rows = x + block * count * inner + from;
    float* const total = y + block * inner + from;
    float* const sum = sums + block * inner + from;
    std::memset(total, 0, width * sizeof *total);
    for (size_t row = 0; row < count; row += kRowsAtOnce) {
      const size_t end = std::min(count, row + kRowsAtOnce);
      std::memcpy(sum, rows + row * inner, width * sizeof *sum);
      for (size_t i = row + 1; i < end; i++)
        kernels().binary(Binary::add, sum, false, rows + i * inner, false, width, sum);
      kernels().binary(Binary::add, total, false, sum, false, width, total);
    }
  });
}

void softmax(const float* x, size_t rows, size_t width, float* y) {
  for_rows(rows, width, [&](size_t from, size_t to) {
    kernels().softmax(x + from * width, to - from, width, y + from * width);
  });
}

float sum_squares(const float* x, size_t count) {
  const Shares parts(count, kShareElements);
  Scratch scratch;
  float* const sums = scratch.floats(parts.count);
  for_rows(parts.count, kShareElements, [&](size_t from, size_t to) {
    for (size_t i = from; i < to; i++) sums[i] = kernels().sum_squares(x + parts.from(i), parts.to(i) - parts.from(i));
  });
  double sum = 0;
  for (size_t i = 0; i < parts.count; i++) sum += static_cast<double>(sums[i]);
  return static_cast<float>(sum);
}

void adam_w(const AdamWParams& params, const AdamWTensors& from, size_t count, float* const* to) {
  for_rows(count, 1, [&](size_t start, size_t end) { kernels().adam_w(params, from, start, end - start, to); });
}

}  // namespace mixtape
