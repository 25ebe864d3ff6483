// move, gather, segmentSum

#include "bind/args.h"
#include "bind/exports.h"
#include "ops/move.h"

namespace mixtape {
namespace {

/** move(out, outOffset, x, xOffset, axes): axes [size, out step, x step], one behind the other, in words */
void move_of(const Args& args) {
  const auto out = args.words(0, "out");
  const auto x = args.words(2, "x");
  const auto given = args.doubles(4, "axes");
  args.require(given.length % 3 == 0 && given.length / 3 <= kMoveAxes, "at most 12 axes of three numbers each");
  MoveAxis axes[kMoveAxes];
  const size_t y_first = args.count(1, "outOffset");
  const size_t x_first = args.count(3, "xOffset");
  size_t count = 1, y_last = y_first, x_last = x_first;
  for (size_t i = 0; i < given.length; i += 3) {
    const MoveAxis axis{args.whole(given.data[i], "a size"), args.whole(given.data[i + 1], "a step"),
                        args.whole(given.data[i + 2], "a step")};
    count = args.product(count, axis.size);
    const size_t steps = axis.size > 0 ? axis.size - 1 : 0;
    y_last += args.product(steps, axis.y_step);
    x_last += args.product(steps, axis.x_step);
    axes[i / 3] = axis;
  }
  if (count == 0) return;
  args.require(count <= out.length, "no more to move than out holds");
  args.require(y_last < out.length && x_last < x.length, "out and x that hold what the axes reach");
  move(x.data + x_first, axes, given.length / 3, out.data + y_first);
}

/** gather(out, x, indices, outer, rows): x is [outer, rows, width], out [outer, indices, width] */
void gather_of(const Args& args) {
  const auto out = args.words(0, "out");
  const auto x = args.words(1, "x");
  const auto indices = args.ints(2, "indices");
  const size_t outer = args.count(3, "outer");
  const size_t rows = args.count(4, "rows");
  args.indices(indices, rows, "indices");
  args.apart(indices, out, "indices and out");
  const size_t wanted = args.product(outer, indices.length);
  if (wanted == 0) {
    args.require(out.length == 0, "an empty out");
    return;
  }
  const size_t width = out.length / wanted;
  args.require(width * wanted == out.length, "out as a whole row for each index");
  args.require(args.product(args.product(outer, rows), width) == x.length, "x [outer, rows, width]");
  if (width == 0) return;
  gather(x.data, indices.data, outer, rows, indices.length, width, out.data);
}

/** segmentSum(out, x, ids, width): x is [ids, width], out [segments, width] */
void segment_sum_of(const Args& args) {
  const auto out = args.floats(0, "out");
  const auto ids = args.ints(2, "ids");
  const size_t width = args.count(3, "width", 1);
  const float* const x = args.floats(1, "x", args.product(ids.length, width));
  args.require(out.length % width == 0, "out as whole rows of `width`");
  args.apart(ids, out, "ids and out");
  segment_sum(x, ids.data, ids.length, width, out.length / width, out.data);
}

}  // namespace

void export_moves(Napi::Object exports) {
  export_work(exports, "move", move_of);
  export_work(exports, "gather", gather_of);
  export_work(exports, "segmentSum", segment_sum_of);
}

}  // namespace mixtape
