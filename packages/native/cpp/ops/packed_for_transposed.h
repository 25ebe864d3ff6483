#pragma once
// Activations as products with transposed weights take them.

#include "core/pool.h"
#include "core/scratch.h"
#include "kernels/table.h"
#include "ops/share.h"

namespace mixtape {

/** Tokens packed for such a product. Whoever has some gives them memory: `bytes()` of it, aligned to 64. */
class PackedForTransposed {
 public:
  PackedForTransposed(const TransposedProduct& product, size_t tokens, size_t depth)
      : product_(&product), depth_(depth), steps_(tokens, tokens_per_step(product, depth)) {}

  size_t bytes() const { return (product_->packed_bytes(steps_.total, depth_) + 63) / 64 * 64; }
  /** @returns what follows the memory that was taken */
  uint8_t* place(uint8_t* memory) {
    data_ = memory;
    return memory + bytes();
  }

  /** Tokens are packed in so many steps, each on any thread. */
  size_t steps() const { return steps_.count; }
  /** @param x token t is at x + t · stride, or, where `rows` is given, at x + rows[t] · stride */
  void pack(size_t step, const float* x, size_t stride, const int32_t* rows) const {
    product_->pack(x, stride, rows, steps_.from(step), steps_.to(step), depth_, data_);
  }

  /** Columns [from, to) of `x · w`, from y on, or added to what is there. */
  void multiply(const Matrix& w, size_t from, size_t to, bool add, float* y, size_t stride) const {
    multiply(w, from, to, 0, steps_.total, add, y, stride);
  }
  /** The same for tokens [first, first + count) alone, `first` being a multiple of the product's group. */
  void multiply(const Matrix& w, size_t from, size_t to, size_t first, size_t count, bool add, float* y, size_t stride) const {
    Scratch scratch;
    uint8_t* const own = scratch.bytes(product_->scratch);
    product_->multiply(w, from, to, data_ + product_->packed_bytes(first, depth_), count, add, y, stride, own);
  }

 private:
  static size_t tokens_per_step(const TransposedProduct& product, size_t depth) {
    const size_t wanted = std::max<size_t>(1, kShareElements / std::max<size_t>(depth, 1));
    return (wanted + product.group - 1) / product.group * product.group;
  }

  const TransposedProduct* product_;
  size_t depth_;
  Shares steps_;
  uint8_t* data_ = nullptr;
};

/** Shares of the columns of a matrix whose rows are met one after another: several for each thread, of whole lines of a cache. */
inline Shares transposed_columns(const Matrix& w) {
  constexpr size_t kUnit = 256;
  const size_t wanted = w.columns / (static_cast<size_t>(Pool::shared().size()));
  return Shares(w.columns, std::max(kUnit, std::min<size_t>(wanted, 1024) / kUnit * kUnit));
}

}  // namespace mixtape
