#pragma once
// The first half of a gated MLP.

#include "core/scratch.h"
#include "ops/packed.h"

namespace mixtape {

/** Attributes of a gated MLP. */
struct GateOptions {
  Gating gating;
  Precision precision;
};

/** Added to the products with gate and up: as many numbers as the matrices have rows, or null for nothing. */
struct GateUpBias {
  const float* gate;
  const float* up;
};

/** Adds the same numbers to each of some rows; null adds nothing. */
inline void add_bias(const float* bias, size_t rows, size_t count, float* y, size_t stride) {
  if (!bias) return;
  for (size_t i = 0; i < rows; i++) kernels().binary(Binary::add, y + i * stride, false, bias, false, count, y + i * stride);
}

/** `gating(gate · x, up · x)` of tokens that meet the same two matrices `[inner, width]`. */
class GateUp {
 public:
  GateUp(const Matrix& gate, const Matrix& up, const GateUpBias& bias, size_t tokens, const GateOptions& options)
      : gate_(gate),
        up_(up),
        bias_(bias),
        tokens_(tokens),
        gating_(options.gating),
        for_gate_(kernels().product(gate.dtype, options.precision, tokens), tokens, gate.columns),
        for_up_(kernels().product(up.dtype, options.precision, tokens), tokens, up.columns) {}

  size_t bytes() const { return for_gate_.bytes() + (is_one() ? 0 : for_up_.bytes()); }
  uint8_t* place(uint8_t* memory) {
    uint8_t* const end = for_gate_.place(memory);
    return is_one() ? end : for_up_.place(end);
  }

  size_t steps() const { return is_one() ? for_gate_.steps() : for_gate_.steps() + for_up_.steps(); }
  void pack(size_t step, const float* x, const int32_t* rows) const {
    if (step < for_gate_.steps()) return for_gate_.pack(step, x, rows);
    for_up_.pack(step - for_gate_.steps(), x, rows);
  }

  Shares shares() const { return rows_of(gate_, tokens_); }
  /** Columns [from, to) of `[tokens, inner]`, packed for the product that comes next: in float32 they never leave the core. */
  void multiply(size_t from, size_t to, const Packed& hidden) const {
    const size_t count = to - from;
    Scratch scratch;
    float* const gate = scratch.floats(tokens_ * count);
    float* const up = scratch.floats(tokens_ * count);
    for_gate_.multiply(gate_.slice(from, to), gate, count);
    (is_one() ? for_gate_ : for_up_).multiply(up_.slice(from, to), up, count);
    add_bias(bias_.gate ? bias_.gate + from : nullptr, tokens_, count, gate, count);
    add_bias(bias_.up ? bias_.up + from : nullptr, tokens_, count, up, count);
    kernels().gate(gating_, gate, up, tokens_ * count, gate);
    hidden.pack_columns(gate, from, count);
  }

  /** The two products before they meet, columns [from, to) of `gate` and `up [tokens, inner]`. */
  void multiply(size_t from, size_t to, float* gate, float* up) const {
    for_gate_.multiply(gate_.slice(from, to), gate + from, gate_.rows);
    (is_one() ? for_gate_ : for_up_).multiply(up_.slice(from, to), up + from, gate_.rows);
    add_bias(bias_.gate ? bias_.gate + from : nullptr, tokens_, to - from, gate + from, gate_.rows);
    add_bias(bias_.up ? bias_.up + from : nullptr, tokens_, to - from, up + from, gate_.rows);
  }

 private:
  /** True if both matrices multiply the same packed tokens. */
  bool is_one() const { return &for_gate_.product() == &for_up_.product(); }

  Matrix gate_;
  Matrix up_;
  GateUpBias bias_;
  size_t tokens_;
  Gating gating_;
  Packed for_gate_;
  Packed for_up_;
};

}  // namespace mixtape
