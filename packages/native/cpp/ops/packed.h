#pragma once
// Activations as products want them.

#include <utility>

#include "core/pool.h"
#include "kernels/table.h"
#include "ops/share.h"

namespace mixtape {

/** Bytes of packed tokens that stay in a core's cache while rows of weights pass by. */
constexpr size_t kPanelBytes = size_t{512} << 10;

/** Tokens packed for a product, in panels. Whoever has one gives it memory: `bytes()` of it, aligned to 64. */
class Packed {
 public:
  Packed(const Product& product, size_t tokens, size_t width) : product_(&product), tokens_(tokens), width_(width) {
    const size_t some = std::max<size_t>(1, kShareNumbers / std::max<size_t>(width, 1));
    unit_ = (some + product.group - 1) / product.group * product.group;
    const size_t unit_bytes = std::max<size_t>(1, product.packed_bytes(unit_, width));
    panel_ = unit_ * std::max<size_t>(1, kPanelBytes / unit_bytes);
    panel_bytes_ = (product.packed_bytes(std::min(panel_, tokens), width) + 63) / 64 * 64;
  }

  const Product& product() const { return *product_; }
  size_t bytes() const { return panels() * panel_bytes_; }
  /** @returns what follows the memory that was taken */
  uint8_t* place(uint8_t* memory) {
    data_ = memory;
    return memory + bytes();
  }

  /** Tokens are packed in so many steps, each on any thread. */
  size_t steps() const { return (tokens_ + unit_ - 1) / unit_; }
  /** @param x `[tokens, width]`, or, where `rows` is given, what token t is is row `rows[t]` of it */
  void pack(size_t step, const float* x, const int32_t* rows) const {
    const size_t from = step * unit_;
    const size_t panel = from / panel_;
    const size_t first = panel * panel_;
    const size_t count = std::min(panel_, tokens_ - first);
    const size_t to = std::min(from + unit_ - first, count);
    product_->pack(rows ? x : x + first * width_, rows ? rows + first : nullptr, from - first, to, count, width_,
                   data_ + panel * panel_bytes_);
  }

  /** `y[t · stride + n] = Σ_k x[t, k] · w[n, k]` for all tokens and all rows of `w`. */
  void multiply(const Matrix& w, float* y, size_t stride) const {
    for (size_t panel = 0, first = 0; first < tokens_; panel++, first += panel_)
      product_->multiply(w, data_ + panel * panel_bytes_, std::min(panel_, tokens_ - first), y + first * stride, stride);
  }

 private:
  size_t panels() const { return (tokens_ + panel_ - 1) / panel_; }

  const Product* product_;
  size_t tokens_;
  size_t width_;
  size_t unit_;
  size_t panel_;
  size_t panel_bytes_;
  uint8_t* data_ = nullptr;
};

/** Runs `work` for every step, on all threads where they are worth waking for so many numbers. */
template <class Work> void run_steps(size_t steps, size_t numbers, Work&& work) {
  if (numbers > 2 * kShareNumbers) return Pool::shared().run(steps, std::forward<Work>(work));
  for (size_t step = 0; step < steps; step++) work(step);
}

}  // namespace mixtape
