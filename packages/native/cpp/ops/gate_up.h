#pragma once
// The first half of a gated MLP.

#include "core/scratch.h"
#include "ops/packed.h"

namespace mixtape {

/** How a gated MLP is computed. */
struct GateOptions {
  Activation activation;
  Precision precision;
};

/** `activation(gate · x) · (up · x)` of tokens that meet the same two matrices `[inner, width]`. */
class GateUp {
 public:
  GateUp(const Matrix& gate, const Matrix& up, size_t tokens, const GateOptions& options)
      : gate_(gate),
        up_(up),
        tokens_(tokens),
        activation_(options.activation),
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
    kernels().gate(activation_, gate, up, tokens_ * count, gate);
    hidden.pack_columns(gate, from, count);
  }

  /** The two products before they meet, columns [from, to) of `gate` and `up [tokens, inner]`. */
  void multiply(size_t from, size_t to, float* gate, float* up) const {
    for_gate_.multiply(gate_.slice(from, to), gate + from, gate_.rows);
    (is_one() ? for_gate_ : for_up_).multiply(up_.slice(from, to), up + from, gate_.rows);
  }

 private:
  /** Whether both matrices meet the same packed tokens. */
  bool is_one() const { return &for_gate_.product() == &for_up_.product(); }

  Matrix gate_;
  Matrix up_;
  size_t tokens_;
  Activation activation_;
  Packed for_gate_;
  Packed for_up_;
};

}  // namespace mixtape
