#include "ops/strided_copy.h"

#include <cstring>
#include <utility>

#include "kernels/table.h"
#include "ops/share.h"

namespace mixtape {
namespace {

/** Values of a transposed block in each direction: what is read in rows and written in rows stays in the cache between. */
constexpr size_t kBlock = 16;

/** The axes of a copy, without those of one element; neighbours are merged where their strides allow it. */
struct Axes {
  CopyAxis axes[kMaxCopyAxes];
  size_t rank = 0;

  Axes(const CopyAxis* given, size_t count) {
    for (size_t i = 0; i < count; i++)
      if (given[i].size != 1) push(given[i]);
    if (rank == 0) axes[rank++] = {1, 1, 1};
  }

  void push(const CopyAxis& axis) {
    if (rank > 0) {
      CopyAxis& last = axes[rank - 1];
      if (last.y_stride == axis.size * axis.y_stride && last.x_stride == axis.size * axis.x_stride) {
        last = {last.size * axis.size, axis.y_stride, axis.x_stride};
        return;
      }
    }
    axes[rank++] = axis;
  }

  /** Returns the offset of an element, over the first `count` axes. */
  void find(size_t number, size_t count, const Value32*& x, Value32*& y) const {
    for (size_t i = count; i-- > 0; number /= axes[i].size) {
      x += number % axes[i].size * axes[i].x_stride;
      y += number % axes[i].size * axes[i].y_stride;
    }
  }

  size_t elements(size_t count) const {
    size_t elements = 1;
    for (size_t i = 0; i < count; i++) elements *= axes[i].size;
    return elements;
  }
};

void copy_line(const Value32* x, const CopyAxis& axis, size_t from, size_t to, Value32* y) {
  if (axis.x_stride == 1 && axis.y_stride == 1)
    std::memmove(y + from, x + from, (to - from) * sizeof *y);
  else
    for (size_t i = from; i < to; i++) y[i * axis.y_stride] = x[i * axis.x_stride];
}

/** Lines along the last axis, one for each element of the others. */
void copy_lines(const Value32* x, const Axes& all, Value32* y) {
  const size_t outer = all.rank - 1;
  const CopyAxis& line = all.axes[outer];
  // A long line is cut too.
  const Shares parts(line.size, kCopyShareElements);
  for_rows(all.elements(outer) * parts.count, std::min(line.size, kCopyShareElements), [&](size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
      const size_t part = i % parts.count;
      const Value32* x_line = x;
      Value32* y_line = y;
      all.find(i / parts.count, outer, x_line, y_line);
      copy_line(x_line, line, parts.from(part), parts.to(part), y_line);
    }
  }, kCopyShareElements);
}

/** Blocks of the last two axes, x going on by one along the first of these. */
void copy_blocks(const Value32* x, const Axes& all, Value32* y) {
  const size_t outer = all.rank - 2;
  const CopyAxis& down = all.axes[outer];
  const CopyAxis& along = all.axes[outer + 1];
  const Shares stripes(down.size, kBlock);
  for_rows(all.elements(outer) * stripes.count, kBlock * along.size, [&](size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
      const size_t stripe = i % stripes.count;
      const Value32* x_block = x;
      Value32* y_block = y;
      all.find(i / stripes.count, outer, x_block, y_block);
      for (size_t left = 0; left < along.size; left += kBlock) {
        const size_t right = std::min(along.size, left + kBlock);
        for (size_t row = stripes.from(stripe); row < stripes.to(stripe); row++)
          for (size_t column = left; column < right; column++)
            y_block[row * down.y_stride + column * along.y_stride] = x_block[row * down.x_stride + column * along.x_stride];
      }
    }
  });
}

}  // namespace

void strided_copy(const Value32* x, const CopyAxis* axes, size_t rank, Value32* y) {
  Axes all(axes, rank);
  if (all.elements(all.rank) == 0) return;
  const size_t last = all.rank - 1;
  size_t dense = last;
  for (size_t axis = 0; axis < last; axis++)
    if (all.axes[axis].x_stride == 1) dense = axis;
  if (dense == last || all.axes[last].x_stride == 1) return copy_lines(x, all, y);
  // The order of axes does not matter: the one that is dense in x comes next to the one that is dense in y.
  for (size_t axis = dense; axis + 1 < last; axis++) std::swap(all.axes[axis], all.axes[axis + 1]);
  copy_blocks(x, all, y);
}

}  // namespace mixtape
