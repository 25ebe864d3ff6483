#include "ops/linear.h"

#include "core/pool.h"
#include "core/scratch.h"
#include "kernels/table.h"
#include "ops/share.h"
#include "ops/packed_for_transposed.h"

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

void linear_back(const Matrix& w, const float* dy, size_t tokens, Precision precision, bool add, float* dx) {
  // So many rows of weights at a time: what is packed of dy stays small, however many there are.
  constexpr size_t kDepth = 4096;
  constexpr size_t kTokens = 960;
  const TransposedProduct& product = kernels().transposed_product(w.dtype, precision);
  for (size_t k = 0; k == 0 || k < w.rows; k += kDepth) {
    const Matrix some = w.slice(k, std::min(w.rows, k + kDepth));
    PackedForTransposed packed(product, tokens, some.rows);
    Scratch scratch;
    packed.place(scratch.bytes(packed.bytes()));
    Pool::shared().run(packed.steps(), [&](size_t step) { packed.pack(step, dy + k, w.rows, nullptr); });
    const Shares columns = transposed_columns(w);
    const Shares blocks(tokens, (kTokens + product.group - 1) / product.group * product.group);
    Pool::shared().run(blocks.count * columns.count, [&](size_t i) {
      const size_t first = blocks.from(i / columns.count);
      const size_t count = blocks.to(i / columns.count) - first;
      const size_t from = columns.from(i % columns.count);
      packed.multiply(some, from, columns.to(i % columns.count), first, count, add || k > 0, dx + first * w.columns + from,
                      w.columns);
    });
  }
}

}  // namespace mixtape
