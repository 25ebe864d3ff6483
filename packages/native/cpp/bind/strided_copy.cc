// stridedCopy

#include "bind/args.h"
#include "bind/exports.h"
#include "ops/strided_copy.h"

namespace mixtape {
namespace {

/** stridedCopy(out, outOffset, x, xOffset, axes): axes [size, out stride, x stride], one behind the other */
void strided_copy_of(const Args& args) {
  const auto out = args.buffer32(0, "out");
  const auto x = args.buffer32(2, "x");
  const auto given = args.doubles(4, "axes");
  args.require(given.length % 3 == 0 && given.length / 3 <= kMaxCopyAxes, "at most 12 axes of three numbers each");
  CopyAxis axes[kMaxCopyAxes];
  const size_t y_first = args.count(1, "outOffset");
  const size_t x_first = args.count(3, "xOffset");
  size_t count = 1, y_last = y_first, x_last = x_first;
  for (size_t i = 0; i < given.length; i += 3) {
    const CopyAxis axis{args.to_size(given.data[i], "a size"), args.to_size(given.data[i + 1], "a stride"),
                        args.to_size(given.data[i + 2], "a stride")};
    count = args.product(count, axis.size);
    const size_t last = axis.size > 0 ? axis.size - 1 : 0;
    y_last += args.product(last, axis.y_stride);
    x_last += args.product(last, axis.x_stride);
    axes[i / 3] = axis;
  }
  if (count == 0) return;
  args.require(count <= out.length, "no more to copy than out holds");
  args.require(y_last < out.length && x_last < x.length, "out and x that hold what the axes reach");
  strided_copy(x.data + x_first, axes, given.length / 3, out.data + y_first);
}

}  // namespace

void export_strided_copy(Napi::Object exports) { export_capturable(exports, "stridedCopy", strided_copy_of); }

}  // namespace mixtape
