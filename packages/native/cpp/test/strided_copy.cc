// Strided copies, on all threads, against plain loops.

#include <algorithm>

#include "core/pool.h"
#include "ops/strided_copy.h"
#include "test/check.h"

namespace mixtape {
namespace {

using check::Buffer;
using check::random_bits;
using check::text_of;

Buffer<Value32> random_values(size_t size) {
  Buffer<Value32> values(size, 1);
  for (Value32& value : values) value = random_bits()();
  return values;
}

/** Copies along axes of y's order, which x has in another: all of x, or a part of it, into y. */
void check_copy(const std::vector<size_t>& sizes, const std::vector<size_t>& order, size_t more) {
  const size_t rank = sizes.size();
  std::vector<CopyAxis> axes(rank);
  size_t y_size = 1, x_size = 1;
  for (size_t i = rank; i-- > 0; y_size *= sizes[i]) axes[i] = {sizes[i], y_size, 0};
  for (size_t i = rank; i-- > 0; x_size *= sizes[order[i]] + more) axes[order[i]].x_stride = x_size;
  const Buffer<Value32> x = random_values(x_size);
  Buffer<Value32> y(y_size, 1);
  strided_copy(x.data(), axes.data(), rank, y.data());
  for (size_t at = 0; at < y_size; at++) {
    size_t from = 0;
    for (size_t i = 0; i < rank; i++) from += at / axes[i].y_stride % sizes[i] * axes[i].x_stride;
    CHECK_IN(y[at] == x[from], text_of({rank, y_size, more, at}));
  }
}

TEST(strided_copy_in_any_order) {
  for (const int threads : {1, 3})
    for (int round = 0; round < 200; round++) {
      Pool::shared().resize(threads);
      std::vector<size_t> sizes(1 + random_bits()() % 5), order;
      for (size_t& size : sizes) order.push_back(order.size()), size = 1 + random_bits()() % 9;
      std::shuffle(order.begin(), order.end(), random_bits());
      check_copy(sizes, order, round % 3);
    }
}

TEST(strided_copy_of_many) {
  Pool::shared().resize(3);
  check_copy({300, 500}, {1, 0}, 0);
  check_copy({2, 33, 7, 130}, {0, 2, 1, 3}, 0);
  check_copy({17, 130, 71}, {0, 2, 1}, 1);
  check_copy({150'001}, {0}, 0);
  check_copy({3, 70'001}, {1, 0}, 0);
}

TEST(strided_copy_that_repeats) {
  Pool::shared().resize(2);
  constexpr size_t kTimes = 50, kSize = 4'001;
  const Buffer<Value32> x = random_values(kSize);
  Buffer<Value32> y(kTimes * kSize, 1);
  const CopyAxis axes[] = {{kTimes, kSize, 0}, {kSize, 1, 1}};
  strided_copy(x.data(), axes, 2, y.data());
  for (size_t i = 0; i < y.size(); i++) CHECK(y[i] == x[i % kSize]);
  // Nothing along one axis is nothing.
  const CopyAxis none[] = {{0, kSize, 0}, {kSize, 1, 1}};
  strided_copy(nullptr, none, 2, nullptr);
}

TEST(strided_copy_of_three_axes) {
  Pool::shared().resize(3);
  constexpr size_t kAxes[][3] = {{1, 1, 1}, {3, 5, 7}, {33, 65, 2}, {1, 70, 300}, {20, 1, 17}};
  for (const auto& [a, b, c] : kAxes) {
    const Buffer<Value32> x = random_values(a * b * c);
    Buffer<Value32> y(x.size(), 1);
    const auto check_order = [&](CopyAxis first, CopyAxis second, CopyAxis third) {
      const CopyAxis axes[] = {first, second, third};
      strided_copy(x.data(), axes, 3, y.data());
      size_t wrong = 0;
      for (size_t i = 0; i < first.size; i++)
        for (size_t j = 0; j < second.size; j++)
          for (size_t k = 0; k < third.size; k++)
            wrong += y[i * first.y_stride + j * second.y_stride + k * third.y_stride] !=
                     x[i * first.x_stride + j * second.x_stride + k * third.x_stride];
      CHECK_IN(wrong == 0, text_of({a, b, c}));
    };
    check_order({a, b * c, b * c}, {b, c, c}, {c, 1, 1});
    check_order({c, a * b, 1}, {a, b, b * c}, {b, 1, c});
    check_order({b, a * c, c}, {a, c, b * c}, {c, 1, 1});
    check_order({c, b * a, 1}, {b, a, c}, {a, 1, b * c});
  }
}

}  // namespace
}  // namespace mixtape
