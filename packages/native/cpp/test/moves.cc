// Numbers from place to place, on all threads, against plain loops.

#include <algorithm>

#include "core/pool.h"
#include "ops/move.h"
#include "test/check.h"

namespace mixtape {
namespace {

using check::Buffer;
using check::random_bits;
using check::random_floats;
using check::text_of;

Buffer<Word> random_words(size_t size) {
  Buffer<Word> words(size, 1);
  for (Word& word : words) word = random_bits()();
  return words;
}

/** Moves along axes of y's order, which x has in another: all of x, or a part of it, comes to lie in y. */
void check_move(const std::vector<size_t>& sizes, const std::vector<size_t>& order, size_t more) {
  const size_t rank = sizes.size();
  std::vector<MoveAxis> axes(rank);
  size_t y_size = 1, x_size = 1;
  for (size_t i = rank; i-- > 0; y_size *= sizes[i]) axes[i] = {sizes[i], y_size, 0};
  for (size_t i = rank; i-- > 0; x_size *= sizes[order[i]] + more) axes[order[i]].x_step = x_size;
  const Buffer<Word> x = random_words(x_size);
  Buffer<Word> y(y_size, 1);
  move(x.data(), axes.data(), rank, y.data());
  for (size_t at = 0; at < y_size; at++) {
    size_t from = 0;
    for (size_t i = 0; i < rank; i++) from += at / axes[i].y_step % sizes[i] * axes[i].x_step;
    CHECK_IN(y[at] == x[from], text_of({rank, y_size, more, at}));
  }
}

TEST(move_in_any_order) {
  for (const int threads : {1, 3})
    for (int round = 0; round < 200; round++) {
      Pool::shared().resize(threads);
      std::vector<size_t> sizes(1 + random_bits()() % 5), order;
      for (size_t& size : sizes) order.push_back(order.size()), size = 1 + random_bits()() % 9;
      std::shuffle(order.begin(), order.end(), random_bits());
      check_move(sizes, order, round % 3);
    }
}

TEST(move_of_many) {
  Pool::shared().resize(3);
  check_move({300, 500}, {1, 0}, 0);
  check_move({2, 33, 7, 130}, {0, 2, 1, 3}, 0);
  check_move({17, 130, 71}, {0, 2, 1}, 1);
  check_move({150'001}, {0}, 0);
  check_move({3, 70'001}, {1, 0}, 0);
}

TEST(move_again_and_again) {
  Pool::shared().resize(2);
  constexpr size_t kTimes = 50, kSize = 4'001;
  const Buffer<Word> x = random_words(kSize);
  Buffer<Word> y(kTimes * kSize, 1);
  const MoveAxis axes[] = {{kTimes, kSize, 0}, {kSize, 1, 1}};
  move(x.data(), axes, 2, y.data());
  for (size_t i = 0; i < y.size(); i++) CHECK(y[i] == x[i % kSize]);
  // Nothing along one axis is nothing.
  const MoveAxis none[] = {{0, kSize, 0}, {kSize, 1, 1}};
  move(nullptr, none, 2, nullptr);
}

TEST(gather_and_segment_sum) {
  Pool::shared().resize(3);
  constexpr size_t kShapes[][4] = {{1, 1, 1, 1}, {2, 5, 9, 3}, {1, 60, 100, 1'700}, {3, 7, 40, 130}};
  for (const auto& [outer, rows, count, width] : kShapes) {
    Buffer<int32_t> indices(count, 1);
    for (int32_t& index : indices) index = static_cast<int32_t>(random_bits()() % rows);
    const Buffer<Word> x = random_words(outer * rows * width);
    Buffer<Word> y(outer * count * width, 1);
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

}  // namespace
}  // namespace mixtape
