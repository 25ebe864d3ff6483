#include "ops/gather.h"

#include <cstring>

#include "kernels/table.h"
#include "ops/share.h"

namespace mixtape {

void gather(const Value32* x, const int32_t* indices, size_t outer, size_t rows, size_t count, size_t width, Value32* y) {
  for_rows(outer * count, width, [&](size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
      const size_t row = i / count * rows + static_cast<size_t>(indices[i % count]);
      std::memmove(y + i * width, x + row * width, width * sizeof *y);
    }
  }, kCopyShareElements);
}

void segment_sum(const float* x, const int32_t* ids, size_t rows, size_t width, size_t segments, float* y) {
  // Threads share columns: rows of one segment meet in one of them, in their order.
  const Shares shares = columns_of(width, rows);
  Pool::shared().run(shares.count, [&](size_t share) {
    const size_t from = shares.from(share);
    const size_t columns = shares.to(share) - from;
    for (size_t segment = 0; segment < segments; segment++) std::memset(y + segment * width + from, 0, columns * sizeof *y);
    for (size_t row = 0; row < rows; row++) {
      if (ids[row] < 0 || static_cast<size_t>(ids[row]) >= segments) continue;
      float* const sum = y + static_cast<size_t>(ids[row]) * width + from;
      kernels().binary(Binary::add, sum, false, x + row * width + from, false, columns, sum);
    }
  });
}

}  // namespace mixtape
