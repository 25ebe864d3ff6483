#pragma once
// Types of all parts of the engine. No standard templates here: kernels that are compiled for one instruction set
// include this file, and an inline function of theirs must never be linked into code that runs elsewhere.

#include <stddef.h>
#include <stdint.h>

namespace mixtape {

/** Storage format of a weight: one file in formats/. */
enum class Dtype : uint8_t { float32, bfloat16, float16 };
constexpr int kDtypes = 3;

constexpr size_t bytes_per_element(Dtype dtype) { return dtype == Dtype::float32 ? 4 : 2; }

/** Rows of a matrix [rows, columns] that are contiguous. `data` has the alignment of an element, no more. */
struct Matrix {
  Dtype dtype;
  const uint8_t* data;
  size_t rows;
  size_t columns;

  size_t row_bytes() const { return columns * bytes_per_element(dtype); }
  const uint8_t* row(size_t i) const { return data + i * row_bytes(); }
  Matrix slice(size_t from, size_t to) const { return {dtype, row(from), to - from, columns}; }
};

/** Rounding of activations before they multiply bfloat16 weights. */
enum class Precision : uint8_t { bfloat16, float32 };

/** Pairs of features that rotary rotates: i and half + i, or 2i and 2i + 1. */
enum class Pairs : uint8_t { halves, interleaved };

/** A binary elementwise operation. */
enum class Binary : uint8_t { add, subtract, multiply, divide };
/** A unary elementwise operation. */
enum class Unary : uint8_t { exp, sigmoid, tanh, erf, negative, square, sqrt, rsqrt, relu, softplus };

/** Gating of a gated MLP: `activation(gate) · up`, or a formula of both. */
enum class GatingKind : uint8_t { silu, gelu, gelu_tanh, relu, sigmoid, relu2, clamped_swiglu };
constexpr int kGatings = 7;

/** A gating with the numbers of its formula; those of most are not used. */
struct Gating {
  GatingKind kind;
  /** Of clamped_swiglu: the bound of both products, and the slope inside the sigmoid. */
  float limit;
  float alpha;
};

/** Hyperparameters of an AdamW step. */
struct AdamWParams {
  float beta1;
  /** 1 − beta1, of which float32 would lose digits. */
  float one_minus_beta1;
  float beta2;
  float one_minus_beta2;
  float eps;
  /** Factor of the weights: 1 − learning rate · weight decay. */
  float decay_factor;
  /** Learning rate over the bias correction of the mean. */
  float step_size;
  /** 1 over the square root of the bias correction of the variance. */
  float inverse_sqrt_bias_correction2;
  float gradient_scale;
};

/** Inputs; a null gradient is zero. */
struct AdamWTensors {
  const float* weight;
  const float* mean;
  const float* variance;
  const float* gradient;
};

}  // namespace mixtape
