#include "ops/move.h"

#include <cstring>
#include <utility>

#include "kernels/table.h"
#include "ops/share.h"

namespace mixtape {
namespace {

/** Words of a transposed block in each direction: what is read in rows and written in rows stays in the cache between. */
constexpr size_t kBlock = 16;

/** The axes of a move, without those of one element, neighbours joined where they lie as one. */
struct Axes {
  MoveAxis axes[kMoveAxes];
  size_t rank = 0;

  Axes(const MoveAxis* given, size_t count) {
    for (size_t i = 0; i < count; i++)
      if (given[i].size != 1) push(given[i]);
    if (rank == 0) axes[rank++] = {1, 1, 1};
  }

  void push(const MoveAxis& axis) {
    if (rank > 0) {
      MoveAxis& last = axes[rank - 1];
      if (last.y_step == axis.size * axis.y_step && last.x_step == axis.size * axis.x_step) {
        last = {last.size * axis.size, axis.y_step, axis.x_step};
        return;
      }
    }
    axes[rank++] = axis;
  }

  /** Returns the offset of an element, over the first `count` axes. */
  void find(size_t number, size_t count, const Word*& x, Word*& y) const {
    for (size_t i = count; i-- > 0; number /= axes[i].size) {
      x += number % axes[i].size * axes[i].x_step;
      y += number % axes[i].size * axes[i].y_step;
    }
  }

  size_t elements(size_t count) const {
    size_t elements = 1;
    for (size_t i = 0; i < count; i++) elements *= axes[i].size;
    return elements;
  }
};

void copy_line(const Word* x, const MoveAxis& axis, size_t from, size_t to, Word* y) {
  if (axis.x_step == 1 && axis.y_step == 1)
    std::memmove(y + from, x + from, (to - from) * sizeof *y);
  else
    for (size_t i = from; i < to; i++) y[i * axis.y_step] = x[i * axis.x_step];
}

/** Lines along the last axis, one for each element of the others. */
void move_lines(const Word* x, const Axes& all, Word* y) {
  const size_t outer = all.rank - 1;
  const MoveAxis& line = all.axes[outer];
  // A long line is cut too.
  const Shares parts(line.size, kShareMoves);
  for_rows(all.elements(outer) * parts.count, std::min(line.size, kShareMoves), [&](size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
      const size_t part = i % parts.count;
      const Word* x_line = x;
      Word* y_line = y;
      all.find(i / parts.count, outer, x_line, y_line);
      copy_line(x_line, line, parts.from(part), parts.to(part), y_line);
    }
  }, kShareMoves);
}

/** Blocks of the last two axes, x going on by one along the first of these. */
void move_blocks(const Word* x, const Axes& all, Word* y) {
  const size_t outer = all.rank - 2;
  const MoveAxis& down = all.axes[outer];
  const MoveAxis& along = all.axes[outer + 1];
  const Shares stripes(down.size, kBlock);
  for_rows(all.elements(outer) * stripes.count, kBlock * along.size, [&](size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
      const size_t stripe = i % stripes.count;
      const Word* x_block = x;
      Word* y_block = y;
      all.find(i / stripes.count, outer, x_block, y_block);
      for (size_t left = 0; left < along.size; left += kBlock) {
        const size_t right = std::min(along.size, left + kBlock);
        for (size_t row = stripes.from(stripe); row < stripes.to(stripe); row++)
          for (size_t column = left; column < right; column++)
            y_block[row * down.y_step + column * along.y_step] = x_block[row * down.x_step + column * along.x_step];
      }
    }
  });
}

}  // namespace

void move(const Word* x, const MoveAxis* axes, size_t rank, Word* y) {
  Axes all(axes, rank);
  if (all.elements(all.rank) == 0) return;
  const size_t last = all.rank - 1;
  size_t dense = last;
  for (size_t axis = 0; axis < last; axis++)
    if (all.axes[axis].x_step == 1) dense = axis;
  if (dense == last || all.axes[last].x_step == 1) return move_lines(x, all, y);
  // The order of axes does not matter: the one that is dense in x comes next to the one that is dense in y.
  for (size_t axis = dense; axis + 1 < last; axis++) std::swap(all.axes[axis], all.axes[axis + 1]);
  move_blocks(x, all, y);
}

void gather(const Word* x, const int32_t* indices, size_t outer, size_t rows, size_t count, size_t width, Word* y) {
  for_rows(outer * count, width, [&](size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
      const size_t row = i / count * rows + static_cast<size_t>(indices[i % count]);
      std::memmove(y + i * width, x + row * width, width * sizeof *y);
    }
  }, kShareMoves);
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
