#pragma once
// Kernel table of an instruction set: functions that work on one thread's share. The caller splits the work.

#include "core/types.h"
#include "kernels/attention_types.h"
#include "kernels/recurrence_types.h"

namespace mixtape {

/** Columns [first, first + count) of activations: those of token t, or of row `rows[t]` where rows are given, begin at x + t · stride. */
struct Activations {
  const float* x;
  size_t stride;
  const int32_t* rows;
  size_t first;
  size_t count;
  const float* token(size_t t) const { return x + (rows ? static_cast<size_t>(rows[t]) : t) * stride; }
};

/**
 * Product of weights of one format by activations: x is packed once, then rows of weights are multiplied by all of it.
 */
struct Product {
  /** Tokens are packed in groups of so many; a share of the packing starts at a multiple of it. */
  size_t group;
  /** Bytes that packed activations take. Groups are contiguous: token t, the first of one, at packed_bytes(t, width). */
  size_t (*packed_bytes)(size_t tokens, size_t width);
  /**
   * Packs tokens [from, to) of `tokens`: some of their `width` columns, the first a multiple of 32. Who packs the last columns also
   * writes the zeros that belong behind them.
   */
  void (*pack)(const Activations& x, size_t from, size_t to, size_t tokens, size_t width, uint8_t* packed);
  /** `y[t · stride + n] = Σ_k x[t, k] · w[n, k]` for all tokens and all rows of `w`. */
  void (*multiply)(const Matrix& w, const uint8_t* packed, size_t tokens, float* y, size_t stride);
};

/** Product with transposed weights: packs x once, then multiplies columns of weights. */
struct TransposedProduct {
  /** As in Product, with packed_bytes for the rows of weights that are met together. */
  size_t group;
  size_t (*packed_bytes)(size_t tokens, size_t depth);
  /**
   * Packs tokens [from, to), `from` being a multiple of `group`; so is `to`, but at the end.
   * @param x token t is at x + t · stride, or, where `rows` is given, at x + rows[t] · stride; `depth` numbers of it
   */
  void (*pack)(const float* x, size_t stride, const int32_t* rows, size_t from, size_t to, size_t depth, uint8_t* packed);
  /** Bytes that `multiply` needs besides, aligned to 64. */
  size_t scratch;
  /**
   * `y[t · stride + n − from] = Σ_k x[t, k] · w[k, n]` for all tokens and the columns n in [from, to), or adds that to what is
   * there. The depth is that of all rows of `w`.
   */
  void (*multiply)(const Matrix& w, size_t from, size_t to, const uint8_t* packed, size_t tokens, bool add, float* y,
                   size_t stride, uint8_t* scratch);
};

/**
 * A matrix `[count, depth]` as one side of a product of float32 numbers: element (i, k) is at i · row_stride + k · depth_stride
 * of `data`. One of the strides is 1: values are contiguous along the depth, or along the other axis.
 */
struct Operand {
  Dtype dtype;
  const uint8_t* data;
  size_t row_stride;
  size_t depth_stride;
};

/** Product of float32 matrices: copies both sides into panels, [k][i] of some rows or columns each. */
struct MatrixProduct {
  /** Rows in a panel of the left side, and columns in one of the right. */
  size_t rows;
  size_t columns;
  /** Copies [from, from + count) × [k, k + depth) into panels of `rows` or of `columns`, zeros behind the last. */
  void (*pack_left)(const Operand& x, size_t from, size_t count, size_t k, size_t depth, float* panels);
  void (*pack_right)(const Operand& x, size_t from, size_t count, size_t k, size_t depth, float* panels);
  /** `y[i · stride + j] = Σ_k left[i, k] · right[j, k]`, or adds that to what is there. */
  void (*multiply)(const float* left, size_t rows, const float* right, size_t columns, size_t depth, bool add, float* y,
                   size_t stride);
};

/** Loops that do nothing but what bounds kernels. */
struct PeakKernels {
  /** Reads all numbers; returns one that depends on them. */
  float (*read)(const uint8_t* data, size_t bytes);
  /** Multiply and add so many rounds of numbers in registers, from and to `sink` [16]; return how many operations those were. */
  double (*float32)(size_t rounds, float* sink);
  double (*bfloat16)(size_t rounds, float* sink);
};

/** The kernels of one instruction set. */
struct Kernels {
  const char* name;
  /** The fastest product for so many tokens. */
  const Product& (*product)(Dtype weights, Precision activations, size_t tokens);
  const TransposedProduct& (*transposed_product)(Dtype weights, Precision activations);
  /** `y[i] = x[i]`, decoded, of a format that is not quantised. */
  void (*decode)(Dtype from, const uint8_t* x, size_t count, float* y);
  /** A row of a matrix of any format. */
  void (*decode_row)(const Matrix& w, size_t row, float* y);
  /** `y = scale · x / √(mean(x²) + eps)`, row by row, plus the residual where it is not null. */
  void (*rms_norm)(const float* x, const float* scale, const float* residual, size_t rows, size_t width, float eps, float* y);
  /** Computes the backward pass: with respect to x, and to the scale, which is accumulated. Either may be null. */
  void (*rms_norm_back)(const float* x, const float* scale, const float* dy, size_t rows, size_t width, float eps, float* grad_x,
                        float* grad_scale);
  /** Rotates rows of `width`, the first `2 · half` values of each; rows of the tables are `table_stride` apart. */
  void (*rotary)(Pairs pairs, const float* x, const float* cos, const float* sin, size_t rows, size_t width, size_t half,
                 size_t table_stride, float* y);
  /** `y = x · factor / √(Σx² + eps)`, row by row; without a norm where eps is negative. */
  void (*scale_rows)(const float* x, size_t rows, size_t width, float factor, float eps, float* y);
  /** Columns [from, to) of a head's state, which is updated, and of its output. */
  void (*delta_rule)(const DeltaHead& head, size_t from, size_t to);
  /** Channels [from, to). */
  void (*causal_convolution)(const ConvolutionRow& row, size_t from, size_t to);
  /** Elementwise `y = a operation b`; an operand that is broadcast is one number. y may be an operand. */
  void (*binary)(Binary operation, const float* a, bool broadcast_a, const float* b, bool broadcast_b, size_t count, float* y);
  /** Elementwise `y = operation(x)`; y may be x. */
  void (*unary)(Unary operation, const float* x, size_t count, float* y);
  float (*sum)(const float* x, size_t count);
  float (*sum_squares)(const float* x, size_t count);
  /** Of at least one number; a NaN where there is one. */
  float (*max)(const float* x, size_t count);
  /** `y = eˣ / Σ eˣ`, row by row; y may be x. */
  void (*softmax)(const float* x, size_t rows, size_t width, float* y);
  /** ln Σ eˣ of at least one number. */
  float (*log_sum_exp)(const float* x, size_t count);
  /** Elementwise `y = factor · e^(x − log_sum)`. */
  void (*scaled_exp)(const float* x, float log_sum, float factor, size_t count, float* y);
  /** Elementwise `y = gating(gate, up)`; y may be one of the two. */
  void (*gate)(const Gating& gating, const float* gate, const float* up, size_t count, float* y);
  /** The backward pass of `gate`: gradients with respect to both; either may share the memory of `gate` or `up`. */
  void (*gate_back)(const Gating& gating, const float* gate, const float* up, const float* dy, size_t count, float* grad_gate,
                    float* grad_up);
  /** A step of AdamW for `count` elements from `at` on: `to` are the new weights, means and variances. */
  void (*adam_w)(const AdamWParams& params, const AdamWTensors& from, size_t at, size_t count, float* const* to);
  /** `y[i] = x[i]` in float32 or bfloat16. */
  void (*encode)(Dtype to, const float* x, size_t count, uint8_t* y);
  AttentionKernels attention;
  MatrixProduct matrices;
  PeakKernels peaks;
};

/** The kernels in use: those of the best instruction set here, or of the one that MIXTAPE_NATIVE_ISA names. */
const Kernels& kernels();

}  // namespace mixtape
