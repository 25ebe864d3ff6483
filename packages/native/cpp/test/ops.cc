// Operations on all threads, against the plain formula in float64; and several of them at once.

#include <algorithm>
#include <atomic>
#include <thread>

#include "core/pool.h"
#include "core/key_value_store.h"
#include "kernels/table.h"
#include "ops/attention.h"
#include "ops/linear.h"
#include "ops/rows.h"
#include "test/formats.h"

namespace mixtape {
namespace {

using check::Buffer;
using check::random_floats;
using check::text_of;

constexpr int kThreads[] = {1, 2, 5};

TEST(linear_on_all_threads) {
  constexpr size_t kShapes[][3] = {{1, 1, 1}, {1, 700, 65}, {3, 129, 33}, {9, 40, 200}, {33, 257, 96}};
  for (const int threads : kThreads)
    for (const Dtype dtype : check::kAllDtypes)
      for (const auto& [tokens, rows, width] : kShapes) {
        Pool::shared().resize(threads);
        const check::RandomMatrix w(dtype, rows, width, 1);
        const Buffer<float> x = random_floats(tokens * width, 1), bias = random_floats(rows, 1);
        Buffer<float> y(tokens * rows, 1);
        linear(w.matrix, x.data(), tokens, bias.data(), Precision::float32, y.data());
        for (size_t i = 0; i < y.size(); i++) {
          const size_t t = i / rows, n = i % rows;
          double expected = bias[n], size = std::fabs(expected);
          for (size_t k = 0; k < width; k++) {
            const double term = static_cast<double>(x[t * width + k]) * w.values[n * width + k];
            expected += term;
            size += std::fabs(term);
          }
          CHECK_IN(check::near(y[i], expected, size * static_cast<double>(width + 4) * 0x1p-24),
                   text_of({static_cast<size_t>(dtype), tokens, rows, width, i}));
        }
      }
}

TEST(embedding_takes_rows) {
  Pool::shared().resize(3);
  for (const Dtype dtype : check::kAllDtypes)
    for (const size_t width : {1, 17, 1000}) {
      const check::RandomMatrix table(dtype, 50, width, 1);
      Buffer<int32_t> ids(70, 1);
      for (int32_t& id : ids) id = static_cast<int32_t>(check::random_bits()() % 50);
      Buffer<float> y(ids.size() * width, 1);
      embedding(table.matrix, ids.data(), ids.size(), y.data());
      size_t wrong = 0;
      for (size_t i = 0; i < y.size(); i++) wrong += y[i] != table.values[static_cast<size_t>(ids[i / width]) * width + i % width];
      CHECK_IN(wrong == 0, text_of({static_cast<size_t>(dtype), width}));
    }
}

TEST(top_k_is_what_sorting_finds) {
  Pool::shared().resize(3);
  for (const size_t width : {1, 2, 8, 65, 128})
    for (const size_t k : {size_t{1}, std::min<size_t>(8, width), width}) {
      constexpr size_t kRows = 40;
      Buffer<float> x = random_floats(kRows * width, 1);
      for (float& value : x) value = std::round(value * 3);  // Many of them alike.
      Buffer<int32_t> got(kRows * k, 1);
      top_k_indices(x.data(), kRows, width, k, got.data());
      Buffer<float> taken(kRows * k, 1);
      take_along_axis(x.data(), got.data(), kRows, width, k, taken.data());
      for (size_t row = 0; row < kRows; row++) {
        const float* const scores = x.data() + row * width;
        std::vector<int32_t> order(width);
        for (size_t i = 0; i < width; i++) order[i] = static_cast<int32_t>(i);
        std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return scores[a] > scores[b]; });
        CHECK_IN(std::equal(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), got.data() + row * k), text_of({width, k, row}));
        for (size_t j = 0; j < k; j++) CHECK(taken[row * k + j] == scores[order[j]]);
      }
    }
}

TEST(rows_are_shared) {
  Pool::shared().resize(4);
  constexpr size_t kRows = 102, kWidth = 403;
  const Buffer<float> x = random_floats(kRows * kWidth, 1), scale = random_floats(kWidth, 1);
  Buffer<float> whole(x.size(), 1), one(kWidth, 1);
  rms_norm(x.data(), scale.data(), nullptr, kRows, kWidth, 1e-6f, whole.data());
  for (size_t row = 0; row < kRows; row++) {
    kernels().rms_norm(x.data() + row * kWidth, scale.data(), nullptr, 1, kWidth, 1e-6f, one.data());
    CHECK(std::memcmp(one.data(), whole.data() + row * kWidth, kWidth * sizeof(float)) == 0);
  }
  gate({GatingKind::silu, 0, 0}, x.data(), x.data(), x.size(), whole.data());
  Buffer<float> alone(x.size());
  kernels().gate({GatingKind::silu, 0, 0}, x.data(), x.data(), x.size(), alone.data());
  for (size_t i = 0; i < x.size(); i++) CHECK_IN(check::near(whole[i], alone[i], 1e-6 * std::fabs(alone[i])), text_of({i}));
  const RotaryShape shape = {2, 3, 17, 403, 38, Pairs::halves};
  const Buffer<float> cos = random_floats(2 * 17 * 38, 1), sin = random_floats(cos.size(), 1);
  Buffer<float> rotated(2 * 3 * 17 * 403, 1);
  rotary(x.data(), cos.data(), sin.data(), shape, rotated.data());
  for (size_t block = 0; block < 6; block++) {
    const size_t at = block * 17 * 403, table = block / 3 * 17 * 38;
    kernels().rotary(Pairs::halves, x.data() + at, cos.data() + table, sin.data() + table, 17, 403, 19, 38, alone.data());
    CHECK(std::memcmp(alone.data(), rotated.data() + at, 17 * 403 * sizeof(float)) == 0);
  }
}

struct Case {
  size_t rows, heads, groups, count, length, width, window;
  bool has_padding;
  /** Of a value. */
  size_t value_width = width;
};

/** Attention of keys `[rows, groups, length, width]` and values `[rows, groups, length, value_width]`, in float64. */
std::vector<double> plain_attention(const Case& c, const float* q, const float* keys, const float* values,
                                    const int32_t* tokens, double scale, const float* sinks = nullptr) {
  std::vector<double> out(c.rows * c.count * c.heads * c.value_width);
  std::vector<double> weights(c.length);
  for (size_t row = 0; row < c.rows; row++)
    for (size_t head = 0; head < c.heads; head++)
      for (size_t query = 0; query < c.count; query++) {
        const size_t lane = row * c.groups + head / (c.heads / c.groups);
        const float* const own = q + ((row * c.heads + head) * c.count + query) * c.width;
        const size_t to = c.length - c.count + query + 1;
        double largest = -INFINITY, sum = 0;
        for (size_t position = 0; position < c.length; position++) {
          const bool is_seen = position < to && position + c.window >= to && (!tokens || tokens[row * c.length + position] != 0);
          double score = 0;
          for (size_t i = 0; i < c.width; i++) score += static_cast<double>(own[i]) * keys[(lane * c.length + position) * c.width + i];
          weights[position] = is_seen ? score * scale : -INFINITY;
          largest = std::max(largest, weights[position]);
        }
        if (sinks && std::isinf(largest)) continue;
        if (sinks) sum = std::exp(static_cast<double>(sinks[head]) - largest);
        for (double& weight : weights) sum += weight = std::isinf(largest) ? 1 : std::exp(weight - largest);
        for (size_t i = 0; i < c.value_width; i++)
          for (size_t position = 0; position < c.length; position++)
            out[((row * c.count + query) * c.heads + head) * c.value_width + i] +=
                weights[position] / sum * values[(lane * c.length + position) * c.value_width + i];
      }
  return out;
}

constexpr Case kCases[] = {
    {1, 1, 1, 1, 1, 1, 1, false},       {1, 4, 2, 1, 300, 16, 300, false},  {2, 6, 2, 1, 77, 33, 20, true},
    {2, 3, 3, 5, 9, 7, 4, true},        {1, 8, 1, 17, 40, 64, 40, false},   {1, 5, 1, 1, 1000, 129, 700, true},
    {3, 4, 4, 30, 30, 24, 8, true},     {1, 2, 1, 70, 600, 32, 600, false}, {1, 7, 1, 2, 513, 20, 513, true},
    {1, 16, 2, 130, 130, 128, 130, false},
};

std::string of(const Case& c) { return text_of({c.rows, c.heads, c.groups, c.count, c.length, c.width, c.window}); }

float scale_of(const Case& c) { return 1 / std::sqrt(static_cast<float>(c.width)); }

Buffer<int32_t> random_tokens(size_t size) {
  Buffer<int32_t> tokens(size, 1);
  for (int32_t& token : tokens) token = check::random_bits()() % 4 != 0;
  return tokens;
}

TEST(attention_of_numbers) {
  for (const int threads : kThreads)
    for (const Case& c : kCases) {
      Pool::shared().resize(threads);
      const size_t all = c.rows * c.groups * c.length * c.width;
      const Buffer<float> q = random_floats(c.rows * c.heads * c.count * c.width, 1), keys = random_floats(all, 1),
                          values = random_floats(all, 1);
      Buffer<int32_t> tokens = random_tokens(c.rows * c.length);
      // A whole row of padding in the first row of the batch.
      if (c.rows > 1) std::fill_n(tokens.data(), c.length, 0);
      const int32_t* const mask = c.has_padding ? tokens.data() : nullptr;
      const uint8_t* const k = keys.as();
      const uint8_t* const v = values.as();
      Buffer<float> out(q.size(), 1);
      attention({q.data(), c.rows, c.heads, c.groups, c.count,
                 {KeyValueDtype::float32, c.rows * c.groups, c.length, c.width, c.width, c.width, c.length, 0, &k, &v}, mask, c.window, scale_of(c)},
                out.data());
      const auto expected = plain_attention(c, q.data(), keys.data(), values.data(), mask, scale_of(c));
      for (size_t i = 0; i < out.size(); i++) CHECK_IN(check::near(out[i], expected[i], 2e-5), of(c) + text_of({i}));
    }
}

/** Keys and values of a store, as attention reads them. */
std::vector<float> read(const KeyValueStore& store, bool is_values) {
  const KeyValues view = store.view();
  const size_t width = is_values ? view.value_width : view.width;
  const size_t stride = is_values ? view.value_stride : view.width;
  std::vector<float> all(view.lanes * view.length * width);
  for (size_t lane = 0; lane < view.lanes; lane++)
    for (size_t position = 0; position < view.length; position++) {
      const size_t place = view.first + position;
      const uint8_t* const block = (is_values ? view.values : view.keys)[place / view.block];
      const size_t row = lane * view.block + place % view.block;
      const float* const* const scales = is_values ? view.value_scales : view.key_scales;
      kernels().attention.decode(view.dtype, block + bytes_of(view.dtype, row * stride),
                                 view.dtype == KeyValueDtype::int8 ? scales[place / view.block] + row : nullptr, 1, stride, width,
                                 all.data() + (lane * view.length + position) * width);
    }
  return all;
}

TEST(attention_of_key_value_stores) {
  Pool::shared().resize(3);
  for (const KeyValueDtype dtype : {KeyValueDtype::float32, KeyValueDtype::bfloat16, KeyValueDtype::int8})
    for (const Case& c : kCases) {
      // Some positions were evicted before, so that the first one is in the middle of a block.
      constexpr size_t kGone = 300;
      KeyValueStore store(dtype);
      const size_t lanes = c.rows * c.groups;
      for (size_t from = 0, count; from < kGone + c.length; from += count) {
        count = std::min(kGone + c.length - from, 1 + check::random_bits()() % 200);
        const Buffer<float> keys = random_floats(lanes * count * c.width), values = random_floats(lanes * count * c.width);
        store.append(keys.data(), values.data(), c.rows, c.groups, count, c.width, c.width);
      }
      store.evict(kGone);
      const std::vector<float> keys = read(store, false), values = read(store, true);
      const Buffer<float> q = random_floats(c.rows * c.heads * c.count * c.width, 1);
      const Buffer<int32_t> tokens = random_tokens(c.rows * c.length);
      const int32_t* const mask = c.has_padding ? tokens.data() : nullptr;
      Buffer<float> out(q.size(), 1);
      attention({q.data(), c.rows, c.heads, c.groups, c.count, store.view(), mask, c.window, scale_of(c)}, out.data());
      const auto expected = plain_attention(c, q.data(), keys.data(), values.data(), mask, scale_of(c));
      // Kernels may round the queries, or what weighs the values, to the dtype of the store.
      const double tolerance = dtype == KeyValueDtype::bfloat16 ? 2e-2 : 2e-5;
      for (size_t i = 0; i < out.size(); i++) CHECK_IN(check::near(out[i], expected[i], tolerance), of(c) + text_of({i}));
    }
}

TEST(attention_of_narrower_values_and_sinks) {
  Pool::shared().resize(3);
  struct Kind {
    KeyValueDtype dtype;
    bool shares;
  };
  constexpr Kind kKinds[] = {{KeyValueDtype::float32, false}, {KeyValueDtype::float32, true}, {KeyValueDtype::int8, false}, {KeyValueDtype::int8, true}};
  for (const auto [dtype, shares] : kKinds)
    for (Case c : kCases) {
      c.value_width = (c.width + 1) / 2;
      KeyValueStore store(dtype);
      const size_t lanes = c.rows * c.groups;
      const Buffer<float> given = random_floats(lanes * c.length * c.width, 1), own = random_floats(lanes * c.length * c.value_width, 1);
      store.append(given.data(), shares ? nullptr : own.data(), c.rows, c.groups, c.length, c.width, c.value_width);
      const std::vector<float> keys = read(store, false), values = read(store, true);
      const Buffer<float> q = random_floats(c.rows * c.heads * c.count * c.width, 1), sinks = random_floats(c.heads, 1);
      Buffer<int32_t> tokens = random_tokens(c.rows * c.length);
      if (c.rows > 1) std::fill_n(tokens.data(), c.length, 0);
      const int32_t* const mask = c.has_padding ? tokens.data() : nullptr;
      for (const float* const sink : {static_cast<const float*>(nullptr), static_cast<const float*>(sinks.data())}) {
        Buffer<float> out(c.rows * c.heads * c.count * c.value_width, 1);
        attention({q.data(), c.rows, c.heads, c.groups, c.count, store.view(), mask, c.window, scale_of(c), nullptr, sink}, out.data());
        const auto expected = plain_attention(c, q.data(), keys.data(), values.data(), mask, scale_of(c), sink);
        for (size_t i = 0; i < out.size(); i++) CHECK_IN(check::near(out[i], expected[i], 2e-5), of(c) + text_of({i}));
      }
    }
}

/** By the formula: the scale is the largest magnitude over 127, codes are rounded to it, ties to even. */
TEST(int8_rows_are_rounded_to_a_scale_each) {
  for (const size_t width : {1, 3, 8, 16, 31, 64, 128, 129, 576}) {
    constexpr size_t kRows = 9;
    Buffer<float> x = random_floats(kRows * width, 1);
    const auto row = [&](size_t i) { return x.data() + i * width; };
    for (size_t i = 0; i < width; i++) {
      row(1)[i] *= 1e-20f;
      row(2)[i] *= 1e30f;
      row(3)[i] = 0;
      row(4)[i] *= 1e-38f;
      // Ties: 127 halves of them are the largest.
      row(5)[i] = static_cast<float>(i % 255) / 2 - 63;
    }
    row(5)[0] = 63.5f;
    row(6)[width - 1] = NAN;
    row(7)[width / 2] = -INFINITY;
    Buffer<uint8_t> codes(kRows * width, 1);
    Buffer<float> scales(kRows, 1), decoded(kRows * width, 1);
    kernels().attention.encode(KeyValueDtype::int8, x.data(), kRows, width, codes.data(), scales.data());
    kernels().attention.decode(KeyValueDtype::int8, codes.data(), scales.data(), kRows, width, width, decoded.data());
    for (size_t r = 0; r < kRows; r++) {
      float largest = 0;
      for (size_t i = 0; i < width; i++) largest = std::max(largest, std::fabs(row(r)[i]));
      const bool is_finite = r != 6 && r != 7;
      const float scale = r == 3 || r == 4 ? 0 : largest / 127;
      if (is_finite) CHECK_IN(scales[r] == scale, text_of({width, r}));
      for (size_t i = 0; i < width; i++) {
        const float value = decoded[r * width + i];
        if (!is_finite) {
          CHECK_IN(std::isnan(value), text_of({width, r, i}));
          continue;
        }
        const float code = scale == 0 ? 0 : std::nearbyint(row(r)[i] / scale);
        CHECK_IN(static_cast<int8_t>(codes[r * width + i]) == static_cast<int>(code), text_of({width, r, i}));
        CHECK_IN(value == code * scale, text_of({width, r, i}));
      }
    }
  }
}

TEST(codes_of_a_key_value_store_go_to_another) {
  Pool::shared().resize(2);
  constexpr size_t kRows = 2, kHeads = 3, kCount = 300, kWidth = 7, kLanes = kRows * kHeads;
  for (const bool shares : {false, true}) {
    KeyValueStore store(KeyValueDtype::int8), copy(KeyValueDtype::int8);
    const Buffer<float> keys = random_floats(kLanes * kCount * kWidth, 1), values = random_floats(kLanes * kCount * kWidth, 1);
    store.append(keys.data(), shares ? nullptr : values.data(), kRows, kHeads, kCount, kWidth, kWidth - shares);
    std::vector<int32_t> codes[2];
    std::vector<float> scales[2];
    const KeyValues view = store.view();
    const auto collect = [&](const uint8_t* const* blocks, const float* const* block_scales, size_t width, int which) {
      for (size_t lane = 0; lane < kLanes; lane++)
        for (size_t position = 0; position < kCount; position++) {
          const size_t row = lane * view.block + position % view.block;
          const uint8_t* const own = blocks[position / view.block] + row * kWidth;
          for (size_t i = 0; i < width; i++) codes[which].push_back(static_cast<int8_t>(own[i]));
          scales[which].push_back(block_scales[position / view.block][row]);
        }
    };
    collect(view.keys, view.key_scales, view.width, 0);
    collect(view.values, view.value_scales, view.value_width, 1);
    const KeyValueCodes of_keys = {codes[0].data(), scales[0].data()}, of_values = {codes[1].data(), scales[1].data()};
    copy.append_codes(of_keys, shares ? nullptr : &of_values, kRows, kHeads, kCount, kWidth, kWidth - shares);
    CHECK(read(copy, false) == read(store, false));
    CHECK(read(copy, true) == read(store, true));
    // One position of a lane: its codes, and its scales.
    CHECK(store.bytes() == 2 * kLanes * KeyValueStore::kBlock * (kWidth + sizeof(float)) * (shares ? 1 : 2));
  }
}

/** Against rows of numbers that are moved as a whole. */
TEST(key_value_store_keeps_what_is_appended) {
  Pool::shared().resize(2);
  constexpr size_t kHeads = 2, kWidth = 5;
  for (int round = 0; round < 30; round++) {
    KeyValueStore store(KeyValueDtype::float32);
    std::vector<std::vector<float>> rows(1 + check::random_bits()() % 3);
    const auto whole = [&] {
      std::vector<float> all;
      for (const auto& row : rows)
        for (size_t head = 0; head < kHeads; head++)
          for (size_t i = 0; i < row.size(); i += kHeads * kWidth)
            all.insert(all.end(), row.data() + i + head * kWidth, row.data() + i + (head + 1) * kWidth);
      return all;
    };
    for (int step = 0; step < 40; step++) {
      const size_t count = check::random_bits()() % 300;
      switch (check::random_bits()() % 5) {
        case 0:
          store.evict(std::min(count, store.length()));
          for (auto& row : rows) row.erase(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(row.size() - store.length() * kHeads * kWidth));
          break;
        case 1:
          store.truncate(count);
          for (auto& row : rows) row.resize(store.length() * kHeads * kWidth);
          break;
        case 2: {
          if (store.length() == 0) break;
          std::vector<int32_t> order(1 + check::random_bits()() % 4);
          std::vector<std::vector<float>> moved;
          for (int32_t& row : order) moved.push_back(rows[static_cast<size_t>(row = static_cast<int32_t>(check::random_bits()() % rows.size()))]);
          store.reorder(order.data(), order.size());
          rows = std::move(moved);
          break;
        }
        default: {
          const Buffer<float> keys = random_floats(rows.size() * kHeads * count * kWidth);
          store.append(keys.data(), keys.data(), rows.size(), kHeads, count, kWidth, kWidth);
          for (size_t row = 0; row < rows.size(); row++)
            for (size_t position = 0; position < count; position++)
              for (size_t head = 0; head < kHeads; head++) {
                const float* const from = keys.data() + ((row * kHeads + head) * count + position) * kWidth;
                rows[row].insert(rows[row].end(), from, from + kWidth);
              }
        }
      }
      if (store.length() == 0) continue;
      CHECK(read(store, false) == whole());
      CHECK(read(store, true) == whole());
    }
  }
}

/** As several Node workers would. */
TEST(operations_of_several_callers) {
  Pool::shared().resize(3);
  const check::RandomMatrix w(Dtype::bfloat16, 300, 200, 0);
  const Buffer<float> x = random_floats(7 * 200);
  Buffer<float> expected(7 * 300);
  linear(w.matrix, x.data(), 7, nullptr, Precision::float32, expected.data());
  std::atomic<size_t> wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; caller++)
    callers.emplace_back([&] {
      for (int round = 0; round < 30; round++) {
        Buffer<float> y(expected.size());
        linear(w.matrix, x.data(), 7, nullptr, Precision::float32, y.data());
        wrong += std::memcmp(y.data(), expected.data(), y.size() * sizeof(float)) != 0;
      }
    });
  for (auto& caller : callers) caller.join();
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace mixtape
