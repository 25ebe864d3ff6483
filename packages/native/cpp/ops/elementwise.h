#pragma once
// Arithmetic on tensors, on all threads where there is enough to do.

#include "core/types.h"

namespace mixtape {

/** Strides of two operands along an axis of the result: 0 where an operand is broadcast. */
struct BinaryAxis {
  size_t size;
  size_t a_stride;
  size_t b_stride;
};

/** The shorter operand is repeated: its length divides the other's, which is that of y. */
void binary(Binary operation, const float* a, size_t a_count, const float* b, size_t b_count, float* y);

/** Any other broadcast; the strides of the last axis are 0 or 1. */
void binary(Binary operation, const float* a, const float* b, const BinaryAxis* axes, size_t rank, float* y);

void unary(Unary operation, const float* x, size_t count, float* y);

/** `y[r] = Σ_i x[r, i] / divisor` */
void sum_rows(const float* x, size_t rows, size_t width, float divisor, float* y);

/** `y[r] = max_i x[r, i]`, a NaN where there is one; rows are not empty. */
void max_rows(const float* x, size_t rows, size_t width, float* y);

/** `y[o, i] = Σ_n x[o, n, i]` */
void sum_columns(const float* x, size_t outer, size_t count, size_t inner, float* y);

void softmax(const float* x, size_t rows, size_t width, float* y);

/** The sum does not depend on the number of threads. */
float sum_squares(const float* x, size_t count);

/** A step of AdamW: `to` are the new weights, means and variances. */
void adam_w(const AdamWParams& params, const AdamWTensors& from, size_t count, float* const* to);

}  // namespace mixtape
