// Rows by index, and their sums, on all threads, against plain loops.

#include <algorithm>

#include "core/pool.h"
#include "ops/gather.h"
#include "test/check.h"

namespace mixtape {
namespace {

using check::Buffer;
using check::random_bits;
using check::random_floats;
using check::text_of;

Buffer<Value32> random_values(size_t size) {
  Buffer<Value32> values(size, 1);
  for (Value32& value : values) value = random_bits()();
  return values;
}

TEST(gather_and_segment_sum) {
  Pool::shared().resize(3);
  constexpr size_t kShapes[][4] = {{1, 1, 1, 1}, {2, 5, 9, 3}, {1, 60, 100, 1'700}, {3, 7, 40, 130}};
  for (const auto& [outer, rows, count, width] : kShapes) {
    Buffer<int32_t> indices(count, 1);
    for (int32_t& index : indices) index = static_cast<int32_t>(random_bits()() % rows);
    const Buffer<Value32> x = random_values(outer * rows * width);
    Buffer<Value32> y(outer * count * width, 1);
    gather(x.data(), indices.data(), outer, rows, count, width, y.data());
    for (size_t i = 0; i < y.size(); i++) {
      const size_t row = i / width / count * rows + static_cast<size_t>(indices[i / width % count]);
      CHECK(y[i] == x[row * width + i % width]);
    }
    // Some are of no segment.
    for (int32_t& index : indices) index -= 1;
    const size_t segments = rows > 3 ? rows - 2 : 1;
    const Buffer<float> values = random_floats(count * width, 1);
    Buffer<float> sums(segments * width, 1);
    std::fill(sums.begin(), sums.end(), NAN);
    segment_sum(values.data(), indices.data(), count, width, segments, sums.data());
    std::vector<double> expected(segments * width), size(segments * width);
    for (size_t i = 0; i < values.size(); i++) {
      const int32_t id = indices[i / width];
      if (id < 0 || static_cast<size_t>(id) >= segments) continue;
      expected[static_cast<size_t>(id) * width + i % width] += values[i];
      size[static_cast<size_t>(id) * width + i % width] += std::fabs(values[i]);
    }
    for (size_t i = 0; i < sums.size(); i++)
      CHECK_IN(check::near(sums[i], expected[i], size[i] * static_cast<double>(count) * 0x1p-24), text_of({count, width, i}));
  }
}

TEST(rows_are_gathered_and_summed) {
  Pool::shared().resize(3);
  for (const size_t width : {1, 9, 700}) {
    constexpr size_t kOuter = 3, kRows = 11, kCount = 25;
    const Buffer<Value32> x = random_values(kOuter * kRows * width);
    Buffer<int32_t> indices(kCount, 1);
    for (int32_t& index : indices) index = static_cast<int32_t>(random_bits()() % kRows);
    Buffer<Value32> y(kOuter * kCount * width, 1);
    gather(x.data(), indices.data(), kOuter, kRows, kCount, width, y.data());
    size_t wrong = 0;
    for (size_t i = 0; i < y.size(); i++) {
      const size_t row = i / width / kCount * kRows + static_cast<size_t>(indices[i / width % kCount]);
      wrong += y[i] != x[row * width + i % width];
    }
    CHECK(wrong == 0);

    constexpr size_t kSegments = 6;
    for (int32_t& index : indices) index = static_cast<int32_t>(random_bits()() % (kSegments + 2)) - 1;
    const Buffer<float> values = random_floats(kCount * width, 1);
    Buffer<float> sums(kSegments * width, 1);
    segment_sum(values.data(), indices.data(), kCount, width, kSegments, sums.data());
    for (size_t i = 0; i < sums.size(); i++) {
      double expected = 0;
      for (size_t row = 0; row < kCount; row++)
        if (indices[row] == static_cast<int32_t>(i / width)) expected += values[row * width + i % width];
      CHECK_IN(check::near(sums[i], expected, 1e-5), text_of({width, i}));
    }
  }
}

}  // namespace
}  // namespace mixtape
