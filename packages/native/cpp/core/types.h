#pragma once
// Types of all parts of the engine. No standard templates here: kernels that are compiled for one instruction set
// include this file, and an inline function of theirs must never be linked into code that runs elsewhere.

#include <stddef.h>
#include <stdint.h>

namespace mixtape {

/** Storage format of a weight: one file in formats/. Those from q4_0 on are quantised in blocks. */
enum class Dtype : uint8_t {
  float32,
  bfloat16,
  float16,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  iq4_nl,
  iq4_xs,
  mxfp4,
  /** Codes of 4 or 8 bits, and scales in a plane of their own. */
  int4,
  int8,
};
constexpr int kDtypes = 18;

/** Elements of a row that are stored together, and their bytes. */
struct Block {
  size_t elements;
  size_t bytes;
};

/** By dtype. */
constexpr Block kBlocks[kDtypes] = {{1, 4},   {1, 2},   {1, 2},     {32, 18},   {32, 20},   {32, 22},  {32, 24},   {32, 34}, {256, 84},
                                    {256, 110}, {256, 144}, {256, 176}, {256, 210}, {32, 18}, {256, 136}, {32, 17}, {8, 4},   {4, 4}};

constexpr Block block_of(Dtype dtype) { return kBlocks[static_cast<size_t>(dtype)]; }
/** Whether a format stores scales beside its numbers. */
constexpr bool is_quantized(Dtype dtype) { return dtype >= Dtype::q4_0; }
/** Bytes of so many elements, which are whole blocks. */
constexpr size_t bytes_of(Dtype dtype, size_t count) {
  const Block block = block_of(dtype);
  return block.elements == 1 ? count * block.bytes : count / block.elements * block.bytes;
}

/** Scales in a plane of their own: one for `group` elements of a row, in bfloat16 or float16. Null for formats that have them inside. */
struct Scales {
  const uint8_t* data = nullptr;
  size_t group = 0;
  Dtype dtype = Dtype::bfloat16;

  /** Those of a row and the rows behind it, of so many columns each. */
  Scales from(size_t row, size_t columns) const {
    return data ? Scales{data + row * (columns / group) * bytes_of(dtype, 1), group, dtype} : *this;
  }
};

/** Rows of a matrix [rows, columns] that are contiguous. `data` has the alignment of an element, no more; that of blocks has none. */
struct Matrix {
  Dtype dtype;
  const uint8_t* data;
  size_t rows;
  size_t columns;
  Scales scales = {};

  size_t row_bytes() const { return bytes_of(dtype, columns); }
  const uint8_t* row(size_t i) const { return data + i * row_bytes(); }
  Matrix slice(size_t from, size_t to) const { return {dtype, row(from), to - from, columns, scales.from(from, columns)}; }
};

/**
 * Rounding of activations before they multiply weights: none for float32; else to bfloat16 for weights in bfloat16, and to 8 bits, in
 * blocks of 32 with a scale each, for quantised ones.
 */
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
