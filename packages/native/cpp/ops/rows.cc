#include "ops/rows.h"

#include "core/pool.h"
#include "core/scratch.h"
#include "kernels/table.h"
#include "ops/share.h"
#include "ops/top_k.h"

namespace mixtape {
void rms_norm(const float* x, const float* scale, const float* residual, size_t rows, size_t width, float eps, float* y) {
  for_rows(rows, width, [&](size_t from, size_t to) {
    const size_t at = from * width;
    kernels().rms_norm(x + at, scale, residual ? residual + at : nullptr, to - from, width, eps, y + at);
  });
}

void rms_norm_back(const float* x, const float* scale, const float* dy, size_t rows, size_t width, float eps, float* grad_x,
                   float* grad_scale) {
  // Always the same shares, each with sums of its own: what comes out does not depend on the number of threads.
  const Shares shares(rows, std::max<size_t>(1, 4 * kShareElements / std::max<size_t>(width, 1)));
  Scratch scratch;
  float* const sums = grad_scale ? scratch.floats(shares.count * width) : nullptr;
  Pool::shared().run(shares.count, [&](size_t share) {
    const size_t at = shares.from(share) * width;
    float* const own = sums ? sums + share * width : nullptr;
    if (own) std::fill_n(own, width, 0.0f);
    kernels().rms_norm_back(x + at, scale, dy + at, shares.to(share) - shares.from(share), width, eps, grad_x ? grad_x + at : nullptr, own);
  });
  if (!grad_scale) return;
  std::fill_n(grad_scale, width, 0.0f);
  for (size_t share = 0; share < shares.count; share++)
    kernels().binary(Binary::add, grad_scale, false, sums + share * width, false, width, grad_scale);
}

void cross_entropy(const float* logits, const int32_t* targets, size_t rows, size_t width, float* y) {
  for_rows(rows, width, [&](size_t from, size_t to) {
    for (size_t row = from; row < to; row++) {
      const float* const own = logits + row * width;
      y[row] = kernels().log_sum_exp(own, width) - own[targets[row]];
    }
  });
}

void cross_entropy_back(const float* logits, const int32_t* targets, const float* dy, size_t rows, size_t width, float* grad_logits) {
  for_rows(rows, width, [&](size_t from, size_t to) {
    for (size_t row = from; row < to; row++) {
      const float* const own = logits + row * width;
      float* const out = grad_logits + row * width;
      kernels().scaled_exp(own, kernels().log_sum_exp(own, width), dy[row], width, out);
      out[targets[row]] -= dy[row];
    }
  });
}

void rotary(const float* x, const float* cos, const float* sin, const RotaryShape& shape, float* y) {
  // By name: C++17 lets no lambda capture a structured binding.
  const size_t tables = shape.tables, heads = shape.heads, length = shape.length, width = shape.width, rotary_dim = shape.rotary_dim;
  // With one position, the heads of a table are rows that share it.
  const size_t rows = length == 1 ? heads : length;
  const size_t blocks = length == 1 ? tables : tables * heads;
  const size_t step = length == 1 ? 0 : rotary_dim;
  const size_t blocks_per_table = length == 1 ? 1 : heads;
  for_rows(blocks, rows * width, [&](size_t from, size_t to) {
    for (size_t block = from; block < to; block++) {
      const size_t at = block * rows * width;
      const size_t table = block / blocks_per_table * length * rotary_dim;
      kernels().rotary(shape.pairs, x + at, cos + table, sin + table, rows, width, rotary_dim / 2, step, y + at);
    }
  });
}

void gate(const Gating& gating, const float* gate, const float* up, size_t count, float* y) {
  for_rows(count, 1, [&](size_t from, size_t to) {
    kernels().gate(gating, gate + from, up + from, to - from, y + from);
  });
}

void gate_back(const Gating& gating, const float* gate, const float* up, const float* dy, size_t count, float* grad_gate,
               float* grad_up) {
  for_rows(count, 1, [&](size_t from, size_t to) {
    kernels().gate_back(gating, gate + from, up + from, dy + from, to - from, grad_gate + from, grad_up + from);
  });
}

void embedding(const Matrix& table, const int32_t* ids, size_t count, float* y) {
  const size_t width = table.columns;
  for_rows(count, width, [&](size_t from, size_t to) {
    for (size_t i = from; i < to; i++) kernels().decode_row(table, ids[i], y + i * width);
  });
}

void top_k_indices(const float* x, size_t rows, size_t width, size_t k, int32_t* indices) {
  for_rows(rows, width, [&](size_t from, size_t to) {
    for (size_t row = from; row < to; row++) top_k_of(x + row * width, width, k, indices + row * k);
  });
}

void take_along_axis(const float* x, const int32_t* indices, size_t rows, size_t width, size_t k, float* y) {
  for_rows(rows, k, [&](size_t from, size_t to) {
    for (size_t row = from; row < to; row++)
      for (size_t j = 0; j < k; j++) y[row * k + j] = x[row * width + indices[row * k + j]];
  });
}

}  // namespace mixtape
