#include "core/key_value_store.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/pool.h"
#include "kernels/table.h"

namespace mixtape {
namespace {

constexpr std::align_val_t kAlignment{64};
/** Below so many elements one thread alone is faster. */
constexpr size_t kParallelThreshold = size_t{32} << 10;

}  // namespace

void KeyValueStore::Free::operator()(uint8_t* data) const { ::operator delete(data, kAlignment); }

KeyValueStore::Block KeyValueStore::make_block(size_t bytes) { return Block(static_cast<uint8_t*>(::operator new(bytes, kAlignment))); }

std::array<size_t, KeyValueStore::kPlanes> KeyValueStore::row_bytes() const {
  const size_t lanes = heads_ * kBlock;
  const size_t values = shares_values_ ? 0 : lanes * bytes_of(dtype_, value_width_);
  const size_t scales = dtype_ == KeyValueDtype::int8 ? lanes * sizeof(float) : 0;
  return {lanes * bytes_of(dtype_, width_), values, scales, shares_values_ ? 0 : scales};
}

size_t KeyValueStore::block_bytes() const {
  size_t sum = 0;
  for (const size_t bytes : row_bytes()) sum += rows_ * bytes;
  return sum;
}

void KeyValueStore::append(const float* keys, const float* values, size_t rows, size_t heads, size_t count, size_t width,
                   size_t value_width) {
  if (count == 0) return;
  extend(rows, heads, count, width, value_width, values == nullptr);
  const auto encode = [&](const float* from, size_t wide) {
    return [=, this](size_t index, size_t number, uint8_t* to, float* scales) {
      kernels().attention.encode(dtype_, from + index * wide, number, wide, to, scales);
    };
  };
  write(kKeys, count, width_, encode(keys, width_));
  if (!shares_values_) write(kValues, count, value_width_, encode(values, value_width_));
  length_ += count;
}

void KeyValueStore::append_codes(const KeyValueCodes& keys, const KeyValueCodes* values, size_t rows, size_t heads, size_t count,
                         size_t width, size_t value_width) {
  if (count == 0) return;
  extend(rows, heads, count, width, value_width, values == nullptr);
  const auto copy = [](const KeyValueCodes& from, size_t wide) {
    return [from, wide](size_t index, size_t number, uint8_t* to, float* scales) {
      std::transform(from.codes + index * wide, from.codes + (index + number) * wide, to,
                     [](int32_t code) { return static_cast<uint8_t>(code); });
      std::copy_n(from.scales + index, number, scales);
    };
  };
  write(kKeys, count, width_, copy(keys, width_));
  if (values) write(kValues, count, value_width_, copy(*values, value_width_));
  length_ += count;
}

void KeyValueStore::extend(size_t rows, size_t heads, size_t count, size_t width, size_t value_width, bool shares_values) {
  if (length_ == 0) {
    clear();
    rows_ = rows;
    heads_ = heads;
    width_ = width;
    value_width_ = value_width;
    shares_values_ = shares_values;
  }
  const size_t needed = (first_ + length_ + count + kBlock - 1) / kBlock;
  const size_t before = blocks_.size();
  try {
    // First what may fail.
    keys_.reserve(needed);
    values_.reserve(needed);
    key_scales_.reserve(needed);
    value_scales_.reserve(needed);
    while (blocks_.size() < needed) blocks_.push_back(spare_ ? std::move(spare_) : make_block(block_bytes()));
  } catch (...) {
    blocks_.resize(before);
    if (length_ == 0) clear();
    throw;
  }
  update_views();
}

template <class Write> void KeyValueStore::write(Plane plane, size_t count, size_t width, const Write& write) const {
  const std::vector<const uint8_t*>& data = plane == kKeys ? keys_ : values_;
  const std::vector<const float*>& scales = plane == kKeys ? key_scales_ : value_scales_;
  const auto write_lane = [&](size_t lane) {
    size_t index = lane * count;
    for (size_t position = first_ + length_, left = count; left > 0;) {
      const size_t here = std::min(left, kBlock - position % kBlock);
      const size_t row = lane * kBlock + position % kBlock;
      const size_t block = position / kBlock;
      uint8_t* const to = const_cast<uint8_t*>(data[block]) + bytes_of(dtype_, row * width);
      write(index, here, to, scales.empty() ? nullptr : const_cast<float*>(scales[block]) + row);
      index += here;
      position += here;
      left -= here;
    }
  };
  const size_t lanes = rows_ * heads_;
  if (lanes * count * width < kParallelThreshold) {
    for (size_t i = 0; i < lanes; i++) write_lane(i);
  } else {
    Pool::shared().run(lanes, [&](size_t i) { write_lane(i); });
  }
}

void KeyValueStore::evict(size_t count) {
  length_ -= count;
  if (length_ == 0) return clear();
  first_ += count;
  const size_t whole = first_ / kBlock;
  if (whole == 0) return;
  spare_ = std::move(blocks_[whole - 1]);
  blocks_.erase(blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(whole));
  first_ %= kBlock;
  update_views();
}

void KeyValueStore::truncate(size_t length) {
  if (length >= length_) return;
  length_ = length;
  if (length == 0) return clear();
  blocks_.resize((first_ + length + kBlock - 1) / kBlock);
  update_views();
}

void KeyValueStore::reorder(const int32_t* rows, size_t count) {
  const auto is_identity = [&] {
    for (size_t i = 0; i < count; i++)
      if (static_cast<size_t>(rows[i]) != i) return false;
    return count == rows_;
  };
  if (length_ == 0 || is_identity()) return;
  const auto planes = row_bytes();
  const size_t bytes = block_bytes() / rows_;
  std::vector<Block> reordered;
  reordered.reserve(blocks_.size());
  for (const Block& block : blocks_) {
    reordered.push_back(make_block(count * bytes));
    Pool::shared().run(count, [&, to = reordered.back().get()](size_t i) {
      const auto source = static_cast<size_t>(rows[i]);
      size_t before = 0;
      for (const size_t row : planes) {
        std::memcpy(to + count * before + i * row, block.get() + rows_ * before + source * row, row);
        before += row;
      }
    });
  }
  blocks_ = std::move(reordered);
  spare_.reset();
  rows_ = count;
  update_views();
}

KeyValues KeyValueStore::view() const {
  const size_t stride = shares_values_ ? width_ : value_width_;
  return {dtype_, rows_ * heads_, length_, width_, value_width_, stride, kBlock, first_, keys_.data(), values_.data(),
          key_scales_.data(), value_scales_.data()};
}

void KeyValueStore::clear() {
  blocks_.clear();
  spare_.reset();
  clear_views();
  rows_ = heads_ = width_ = value_width_ = length_ = first_ = 0;
  shares_values_ = false;
}

void KeyValueStore::clear_views() {
  keys_.clear();
  values_.clear();
  key_scales_.clear();
  value_scales_.clear();
}

void KeyValueStore::update_views() {
  clear_views();
  const auto planes = row_bytes();
  for (const Block& block : blocks_) {
    const uint8_t* at[kPlanes];
    size_t before = 0;
    for (size_t plane = 0; plane < kPlanes; plane++) {
      at[plane] = block.get() + rows_ * before;
      before += planes[plane];
    }
    keys_.push_back(at[kKeys]);
    values_.push_back(at[shares_values_ ? kKeys : kValues]);
    if (dtype_ != KeyValueDtype::int8) continue;
    key_scales_.push_back(reinterpret_cast<const float*>(at[kKeyScales]));
    value_scales_.push_back(reinterpret_cast<const float*>(at[shares_values_ ? kKeyScales : kValueScales]));
  }
}

}  // namespace mixtape
