#include "ops/linear.h"

#include "core/pool.h"
#include "core/scratch.h"
#include "kernels/table.h"
#include "ops/share.h"

namespace mixtape {

void linear(const Matrix& w, const float* x, size_t tokens, const float* bias, Precision precision, float* y) {
  const Product& product = kernels().product(w.dtype, precision, tokens);
  Scratch scratch;
  uint8_t* const packed = scratch.bytes(product.packed_bytes(tokens, w.columns));
  pack(product, x, nullptr, tokens, w.columns, packed);
  const Shares blocks = blocks_of(product, tokens, w.columns);
  const Shares shares = rows_of(w, tokens);
  Pool::shared().run(blocks.count * shares.count, [&](size_t i) {
    const size_t first = blocks.from(i / shares.count);
    const size_t count = blocks.to(i / shares.count) - first;
    const size_t from = shares.from(i % shares.count);
    const size_t to = shares.to(i % shares.count);
    float* const out = y + first * w.rows + from;
    product.multiply(w.slice(from, to), packed + product.packed_bytes(first, w.columns), count, out, w.rows);
    if (!bias) return;
    for (size_t t = 0; t < count; t++)
      for (size_t n = from; n < to; n++) out[t * w.rows + n - from] += bias[n];
  });
}

}  // namespace mixtape
