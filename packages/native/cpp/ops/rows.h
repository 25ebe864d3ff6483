#pragma once
// Operations on rows of numbers, on all threads where there is enough to do.

#include "core/types.h"

namespace mixtape {

/** `y = scale · x / √(mean(x²) + eps)`, row by row, plus the residual where it is not null. */
void rms_norm(const float* x, const float* scale, const float* residual, size_t rows, size_t width, float eps, float* y);

/** Computes the backward pass from the gradient of y: with respect to x and to the scale, either of which may be null. */
void rms_norm_back(const float* x, const float* scale, const float* dy, size_t rows, size_t width, float eps, float* grad_x,
                   float* grad_scale);

/** `y[r] = ln Σ e^logits[r] − logits[r, targets[r]]`; the targets are columns. */
void cross_entropy(const float* logits, const int32_t* targets, size_t rows, size_t width, float* y);

/** Computes the backward pass: `(softmax(logits[r]) − 1 at the target) · dy[r]`. */
void cross_entropy_back(const float* logits, const int32_t* targets, const float* dy, size_t rows, size_t width, float* grad_logits);

/** Layout of rotary's input: `[tables, heads, length, width]`, the tables `[tables, length, rotary_dim]`. */
struct RotaryShape {
  size_t tables;
  size_t heads;
  size_t length;
  size_t width;
  /** Rotated width of a row: even, at most `width`. */
  size_t rotary_dim;
  Pairs pairs;
};

void rotary(const float* x, const float* cos, const float* sin, const RotaryShape& shape, float* y);

/** `y = gating(gate, up)`; y may be one of the two. */
void gate(const Gating& gating, const float* gate, const float* up, size_t count, float* y);

/** The backward pass of `gate`. */
void gate_back(const Gating& gating, const float* gate, const float* up, const float* dy, size_t count, float* grad_gate,
               float* grad_up);

/** Row `ids[i]` of a table, decoded. The ids are rows of it. */
void embedding(const Matrix& table, const int32_t* ids, size_t count, float* y);

/** The columns of the k largest of each row, the largest first; of equal ones the lower column. NaN is above nothing. */
void top_k_indices(const float* x, size_t rows, size_t width, size_t k, int32_t* indices);

/** `y[t, j] = x[t, indices[t, j]]`; the indices are columns of x. */
void take_along_axis(const float* x, const int32_t* indices, size_t rows, size_t width, size_t k, float* y);

}  // namespace mixtape
