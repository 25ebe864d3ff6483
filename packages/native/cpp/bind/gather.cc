// gather, segmentSum

#include "ops/gather.h"

#include "bind/args.h"
#include "bind/exports.h"

namespace mixtape {
namespace {

/** gather(out, x, indices, outer, rows): x is [outer, rows, width], out [outer, indices, width] */
void gather_of(const Args& args) {
  const auto out = args.buffer32(0, "out");
  const auto x = args.buffer32(1, "x");
  const auto indices = args.ints(2, "indices");
  const size_t outer = args.count(3, "outer");
  const size_t rows = args.count(4, "rows");
  args.check_indices(indices, rows, "indices");
  args.check_disjoint(indices, out, "indices and out");
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
  args.check_disjoint(ids, out, "ids and out");
  segment_sum(x, ids.data, ids.length, width, out.length / width, out.data);
}

}  // namespace

void export_gather(Napi::Object exports) {
  export_capturable(exports, "gather", gather_of);
  export_capturable(exports, "segmentSum", segment_sum_of);
}

}  // namespace mixtape
