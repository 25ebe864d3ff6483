#include "core/slots.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/pool.h"
#include "kernels/table.h"

namespace mixtape {
namespace {

constexpr std::align_val_t kAlignment{64};
/** Below so many numbers a thread alone is done sooner. */
constexpr size_t kAloneBelow = size_t{32} << 10;

}  // namespace

void Slots::Free::operator()(uint8_t* data) const { ::operator delete(data, kAlignment); }

Slots::Block Slots::make_block(size_t bytes) { return Block(static_cast<uint8_t*>(::operator new(bytes, kAlignment))); }

void Slots::append(const float* keys, const float* values, size_t rows, size_t heads, size_t count, size_t width) {
  if (count == 0) return;
  if (length_ == 0) {
    clear();
    rows_ = rows;
    heads_ = heads;
    width_ = width;
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
  list();
  write(keys, keys_, count);
  write(values, values_, count);
  length_ += count;
}

void Slots::write(const float* from, std::vector<const uint8_t*>& to, size_t count) {
  const size_t lanes = rows_ * heads_;
  const size_t bytes = bytes_per_element(dtype_);
  const auto write_lane = [&](size_t lane) {
    const float* source = from + lane * count * width_;
    for (size_t slot = first_ + length_, left = count; left > 0;) {
      const size_t here = std::min(left, kBlock - slot % kBlock);
      const uint8_t* const block = to[slot / kBlock] + (lane * kBlock + slot % kBlock) * width_ * bytes;
      kernels().encode(dtype_, source, here * width_, const_cast<uint8_t*>(block));
      source += here * width_;
      slot += here;
      left -= here;
    }
  };
  if (lanes * count * width_ < kAloneBelow) {
    for (size_t i = 0; i < lanes; i++) write_lane(i);
  } else {
    Pool::shared().run(lanes, [&](size_t i) { write_lane(i); });
  }
}

void Slots::drop_first(size_t count) {
  length_ -= count;
  if (length_ == 0) return clear();
  first_ += count;
  const size_t whole = first_ / kBlock;
  if (whole == 0) return;
  spare_ = std::move(blocks_[whole - 1]);
  blocks_.erase(blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(whole));
  first_ %= kBlock;
  list();
}

void Slots::crop(size_t length) {
  if (length >= length_) return;
  length_ = length;
  if (length == 0) return clear();
  blocks_.resize((first_ + length + kBlock - 1) / kBlock);
  list();
}

void Slots::reorder(const int32_t* rows, size_t count) {
  const auto stays = [&] {
    for (size_t i = 0; i < count; i++)
      if (static_cast<size_t>(rows[i]) != i) return false;
    return count == rows_;
  };
  if (length_ == 0 || stays()) return;
  const size_t row = heads_ * kBlock * width_ * bytes_per_element(dtype_);
  std::vector<Block> reordered;
  reordered.reserve(blocks_.size());
  for (const Block& block : blocks_) {
    reordered.push_back(make_block(2 * count * row));
    Pool::shared().run(2 * count, [&, to = reordered.back().get()](size_t i) {
      const size_t half = i / count;
      const auto source = static_cast<size_t>(rows[i % count]);
      std::memcpy(to + i * row, block.get() + (half * rows_ + source) * row, row);
    });
  }
  blocks_ = std::move(reordered);
  spare_.reset();
  rows_ = count;
  list();
}

KeyValues Slots::view() const {
  return {dtype_, rows_ * heads_, length_, width_, kBlock, first_, keys_.data(), values_.data()};
}

void Slots::clear() {
  blocks_.clear();
  spare_.reset();
  keys_.clear();
  values_.clear();
  rows_ = heads_ = width_ = length_ = first_ = 0;
}

void Slots::list() {
  keys_.clear();
  values_.clear();
  for (const Block& block : blocks_) {
    keys_.push_back(block.get());
    values_.push_back(block.get() + half_bytes());
  }
}

}  // namespace mixtape
