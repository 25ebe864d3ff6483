#pragma once
// The storage of a KV cache: keys and values of one layer.

#include <cstddef>
#include <memory>
#include <vector>

#include "core/key_values.h"

namespace mixtape {

/**
 * Keys and values `[rows, heads, length, width]` in blocks of a fixed number of positions: appending moves nothing, and blocks that
 * were evicted as a whole are freed. An empty store takes any rows, heads and widths. Values may be the first numbers of their keys,
 * and are not stored then.
 */
class KeyValueStore {
 public:
  /** Positions of a block: the most that a window holds too many, and what attention reads in one run. */
  static constexpr size_t kBlock = 256;

  /** @param dtype float32 or bfloat16 */
  explicit KeyValueStore(Dtype dtype) : dtype_(dtype) {}

  Dtype dtype() const { return dtype_; }
  size_t rows() const { return rows_; }
  size_t heads() const { return heads_; }
  size_t length() const { return length_; }
  size_t width() const { return width_; }
  size_t value_width() const { return value_width_; }
  /** Whether values are the first numbers of their keys. */
  bool shares_values() const { return shares_values_; }
  /** Bytes of all blocks. */
  size_t bytes() const { return (blocks_.size() + (spare_ ? 1 : 0)) * block_bytes(); }

  /**
   * Adds `count` positions, rounded to the dtype: keys `[rows, heads, count, width]` and values `[rows, heads, count, value_width]`, or
   * null where they are the first numbers of the keys. The shape must be that of the contents, if there are any.
   * @throws std::bad_alloc; nothing is added then.
   */
  void append(const float* keys, const float* values, size_t rows, size_t heads, size_t count, size_t width, size_t value_width);
  /** Removes the first `count` positions, `length` at most. */
  void evict(size_t count);
  /** Removes the positions from `length` on. */
  void truncate(size_t length);
  /** Makes row i what row `rows[i]` was. @throws std::bad_alloc; nothing has changed then. */
  void reorder(const int32_t* rows, size_t count);

  /** Returns the contents, valid until the next change. */
  KeyValues view() const;

 private:
  struct Free {
    void operator()(uint8_t* data) const;
  };
  using Block = std::unique_ptr<uint8_t, Free>;

  /** Bytes of a row of a block: of its keys, and of its values. */
  size_t row_bytes(size_t width) const { return heads_ * kBlock * bytes_of(dtype_, width); }
  size_t keys_bytes() const { return rows_ * row_bytes(width_); }
  size_t block_bytes() const { return keys_bytes() + (shares_values_ ? 0 : rows_ * row_bytes(value_width_)); }
  static Block make_block(size_t bytes);
  void write(const float* from, std::vector<const uint8_t*>& to, size_t count, size_t width);
  void clear();
  void update_views();

  Dtype dtype_;
  size_t rows_ = 0;
  size_t heads_ = 0;
  size_t width_ = 0;
  size_t value_width_ = 0;
  bool shares_values_ = false;
  size_t length_ = 0;
  /** Offset of position 0 in the first block. */
  size_t first_ = 0;
  std::vector<Block> blocks_;
  /** A block that was evicted: a window that slides needs one as often as it frees one. */
  Block spare_;
  std::vector<const uint8_t*> keys_;
  std::vector<const uint8_t*> values_;
};

}  // namespace mixtape
