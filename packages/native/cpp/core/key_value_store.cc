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

void KeyValueStore::append(const float* keys, const float* values, size_t rows, size_t heads, size_t count, size_t width,
                   size_t value_width) {
  if (count == 0) return;
  if (length_ == 0) {
    clear();
    rows_ = rows;
    heads_ = heads;
    width_ = width;
    value_width_ = value_width;
    shares_values_ = values == nullptr;
  }
  const size_t needed = (first_ + length_ + count + kBlock - 1) / kBlock;
  const size_t before = blocks_.size();
  try {
    // First what may fail.
    keys_.reserve(needed);
    values_.reserve(needed);
    while (blocks_.size() < needed) blocks_.push_back(spare_ ? std::move(spare_) : make_block(block_bytes()));
  } catch (...) {
    blocks_.resize(before);
    if (length_ == 0) clear();
    throw;
  }
  update_views();
  write(keys, keys_, count, width_);
  if (!shares_values_) write(values, values_, count, value_width_);
  length_ += count;
}

void KeyValueStore::write(const float* from, std::vector<const uint8_t*>& to, size_t count, size_t width) {
  const size_t lanes = rows_ * heads_;
  const size_t bytes = bytes_of(dtype_, 1);
  const auto write_lane = [&](size_t lane) {
    const float* source = from + lane * count * width;
    for (size_t position = first_ + length_, left = count; left > 0;) {
      const size_t here = std::min(left, kBlock - position % kBlock);
      const uint8_t* const block = to[position / kBlock] + (lane * kBlock + position % kBlock) * width * bytes;
      kernels().encode(dtype_, source, here * width, const_cast<uint8_t*>(block));
      source += here * width;
      position += here;
      left -= here;
    }
  };
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
  const size_t keys = row_bytes(width_);
  const size_t values = shares_values_ ? 0 : row_bytes(value_width_);
  std::vector<Block> reordered;
  reordered.reserve(blocks_.size());
  for (const Block& block : blocks_) {
    reordered.push_back(make_block(count * (keys + values)));
    Pool::shared().run(count, [&, to = reordered.back().get()](size_t i) {
      const auto source = static_cast<size_t>(rows[i]);
      std::memcpy(to + i * keys, block.get() + source * keys, keys);
      std::memcpy(to + count * keys + i * values, block.get() + rows_ * keys + source * values, values);
    });
  }
  blocks_ = std::move(reordered);
  spare_.reset();
  rows_ = count;
  update_views();
}

KeyValues KeyValueStore::view() const {
  const size_t stride = shares_values_ ? width_ : value_width_;
  return {dtype_, rows_ * heads_, length_, width_, value_width_, stride, kBlock, first_, keys_.data(), values_.data()};
}

void KeyValueStore::clear() {
  blocks_.clear();
  spare_.reset();
  keys_.clear();
  values_.clear();
  rows_ = heads_ = width_ = value_width_ = length_ = first_ = 0;
  shares_values_ = false;
}

void KeyValueStore::update_views() {
  keys_.clear();
  values_.clear();
  for (const Block& block : blocks_) {
    keys_.push_back(block.get());
    values_.push_back(block.get() + (shares_values_ ? 0 : keys_bytes()));
  }
}

}  // namespace mixtape
