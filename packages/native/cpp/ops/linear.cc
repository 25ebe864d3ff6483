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
  const Shares shares = rows_of(w);
  Pool::shared().run(shares.count, [&](size_t share) {
    const size_t from = shares.from(share);
    const size_t to = shares.to(share);
    product.multiply(w.slice(from, to), packed, tokens, y + from, w.rows);
    if (!bias) return;
    for (size_t t = 0; t < tokens; t++)
      for (size_t n = from; n < to; n++) y[t * w.rows + n] += bias[n];
  });
}

}  // namespace mixtape
