#pragma once
// Splits operations into shares for threads.

#include <algorithm>

#include "core/pool.h"
#include "kernels/table.h"

namespace mixtape {

/** `total` items in shares of `size`, the last one smaller. */
struct Shares {
  size_t total;
  size_t size;
  size_t count;
  Shares(size_t total, size_t size) : total(total), size(size), count((total + size - 1) / size) {}
  size_t from(size_t share) const { return share * size; }
  size_t to(size_t share) const { return std::min(total, (share + 1) * size); }
};

/** Bytes of weights that a thread takes at a time: large enough to stream, small enough that threads end together. */
constexpr size_t kShareBytes = size_t{128} << 10;
/** The same where a few tokens meet them. */
constexpr size_t kFewShareBytes = size_t{256} << 10;
/** The same of so many tokens that they do not stay in a core's own cache: the more rows, the less often they come anew. */
constexpr size_t kManyShareBytes = size_t{2} << 20;
constexpr size_t kManyTokens = 64;
/** Rows are shared by multiples of this, so that no kernel meets a ragged edge in the middle of a matrix. */
constexpr size_t kShareRows = 32;
/** Packed activations that are worked on together: they stay in a core's own cache while weights stream past. */
constexpr size_t kBlockBytes = size_t{1} << 20;
/** Elements that a thread takes at a time where work is elementwise. */
constexpr size_t kShareElements = size_t{16} << 10;

/** The same where they are little more than copied: waking another thread for fewer costs more. */
constexpr size_t kCopyShareElements = size_t{64} << 10;

/** Runs `work(from, to)` for shares of rows. */
template <class Work> void for_rows(size_t rows, size_t width, Work&& work, size_t elements = kShareElements) {
  const Shares shares(rows, std::max<size_t>(1, elements / std::max<size_t>(width, 1)));
  Pool::shared().run(shares.count, [&](size_t share) { work(shares.from(share), shares.to(share)); });
}

/** Shares of columns that are worked down, `count` rows of them: one for each thread, if there is enough to do. */
inline Shares columns_of(size_t columns, size_t count) {
  constexpr size_t kMin = 64;
  const auto threads = static_cast<size_t>(columns * count > 2 * kCopyShareElements ? Pool::shared().size() : 1);
  return Shares(columns, std::max(kMin, (columns + threads - 1) / threads));
}

/** Shares of the rows of a matrix, for the product with so many tokens. */
inline Shares rows_of(const Matrix& w, size_t tokens = 1) {
  const size_t row = std::max<size_t>(w.row_bytes(), 1);
  const size_t bytes = tokens == 1 ? kShareBytes : tokens < kManyTokens ? kFewShareBytes : kManyShareBytes;
  const size_t most = tokens < kManyTokens ? w.rows : w.rows / (4 * static_cast<size_t>(Pool::shared().size()));
  return Shares(w.rows, std::max(std::min(bytes / row, most) / kShareRows * kShareRows, kShareRows));
}

/** Blocks of tokens for a product: threads finish one, row by row of the weights, before they begin the next. */
inline Shares blocks_of(const Product& product, size_t tokens, size_t width) {
  constexpr size_t kMin = 240;  // Weights that come from memory should meet as many; a multiple of groups' usual sizes.
  const size_t each = std::max<size_t>(1, product.packed_bytes(product.group, width) / product.group);
  const size_t fitting = kBlockBytes / each / product.group * product.group;
  return Shares(tokens, std::max(fitting, (kMin + product.group - 1) / product.group * product.group));
}

/** Packs all tokens for a product, on all threads where there is enough to do. */
inline void pack(const Product& product, const float* x, const int32_t* rows, size_t tokens, size_t width, uint8_t* packed) {
  const size_t wanted = std::max<size_t>(1, kShareElements / std::max<size_t>(width, 1));
  const Shares shares(tokens, (wanted + product.group - 1) / product.group * product.group);
  Pool::shared().run(shares.count, [&](size_t share) {
    product.pack({x, width, rows, 0, width}, shares.from(share), shares.to(share), tokens, width, packed);
  });
}

}  // namespace mixtape
