#pragma once
// How operations are cut into shares for threads.

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
constexpr size_t kShareBytes = size_t{64} << 10;
/** Rows are shared by multiples of this, so that no kernel meets a ragged edge in the middle of a matrix. */
constexpr size_t kShareRows = 32;
/** Numbers that a thread takes at a time where work is elementwise. */
constexpr size_t kShareNumbers = size_t{16} << 10;

/** Runs `work(from, to)` for shares of rows of numbers. */
template <class Work> void for_rows(size_t rows, size_t width, Work&& work) {
  const Shares shares(rows, std::max<size_t>(1, kShareNumbers / std::max<size_t>(width, 1)));
  Pool::shared().run(shares.count, [&](size_t share) { work(shares.from(share), shares.to(share)); });
}

inline Shares rows_of(const Matrix& w) {
  const size_t rows = kShareBytes / std::max<size_t>(w.row_bytes(), 1) / kShareRows * kShareRows;
  return Shares(w.rows, std::max(rows, kShareRows));
}

/** Packs all tokens for a product, on all threads where there is enough to do. */
inline void pack(const Product& product, const float* x, const int32_t* rows, size_t tokens, size_t width, uint8_t* packed) {
  const size_t wanted = std::max<size_t>(1, kShareNumbers / std::max<size_t>(width, 1));
  const Shares shares(tokens, (wanted + product.group - 1) / product.group * product.group);
  Pool::shared().run(shares.count, [&](size_t share) {
    product.pack(x, rows, shares.from(share), shares.to(share), tokens, width, packed);
  });
}

}  // namespace mixtape
