#pragma once
// Activations as products want them.

#include <utility>

#include "core/pool.h"
#include "kernels/table.h"
#include "ops/share.h"

namespace mixtape {

/** Tokens packed for a product. Whoever has some gives them memory: `bytes()` of it, aligned to 64. */
class Packed {
 public:
  Packed(const Product& product, size_t tokens, size_t width)
      : product_(&product),
        width_(width),
        steps_(tokens, tokens_per_step(product, width)),
        blocks_(blocks_of(product, tokens, width)) {}

  const Product& product() const { return *product_; }
  size_t bytes() const { return (product_->packed_bytes(steps_.total, width_) + 63) / 64 * 64; }
  /** @returns what follows the memory that was taken */
  uint8_t* place(uint8_t* memory) {
    data_ = memory;
    return memory + bytes();
  }

  /** Tokens are packed in so many steps, each on any thread. */
  size_t steps() const { return steps_.count; }
  /** @param x `[tokens, width]`, or, where `rows` is given, what token t is is row `rows[t]` of it */
  void pack(size_t step, const float* x, const int32_t* rows) const {
    product_->pack({x, width_, rows, 0, width_}, steps_.from(step), steps_.to(step), steps_.total, width_, data_);
  }
  /** In place of all steps: some columns of all tokens, from a multiple of 32 to another or to the end. */
  void pack_columns(const float* x, size_t first, size_t count) const {
    product_->pack({x, count, nullptr, first, count}, 0, steps_.total, steps_.total, width_, data_);
  }

  /** `y[t · stride + n] = Σ_k x[t, k] · w[n, k]` for all tokens and all rows of `w`. */
  void multiply(const Matrix& w, float* y, size_t stride) const {
    for (size_t block = 0; block < blocks_.count; block++) {
      const size_t first = blocks_.from(block);
      product_->multiply(w, data_ + product_->packed_bytes(first, width_), blocks_.to(block) - first, y + first * stride,
                         stride);
    }
  }

 private:
  static size_t tokens_per_step(const Product& product, size_t width) {
    const size_t wanted = std::max<size_t>(1, kShareElements / std::max<size_t>(width, 1));
    return (wanted + product.group - 1) / product.group * product.group;
  }

  const Product* product_;
  size_t width_;
  Shares steps_;
  Shares blocks_;
  uint8_t* data_ = nullptr;
};

/** Runs `work` for every step, on all threads if there are enough elements. */
template <class Work> void run_steps(size_t steps, size_t elements, Work&& work) {
  if (elements > 2 * kShareElements) return Pool::shared().run(steps, std::forward<Work>(work));
  for (size_t step = 0; step < steps; step++) work(step);
}

}  // namespace mixtape
