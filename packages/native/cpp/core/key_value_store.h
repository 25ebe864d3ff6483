#pragma once
// The storage of a KV cache: keys and values of one layer.

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "core/key_values.h"

namespace mixtape {

/** Codes of int8 `[rows, heads, count, width]`, each from −128 to 127, and their scales `[rows, heads, count]`. */
struct KeyValueCodes {
  const int32_t* codes;
  const float* scales;
};

/**
 * Keys and values `[rows, heads, length, width]` in blocks of a fixed number of positions: appending moves nothing, and blocks that
 * were evicted as a whole are freed. An empty store takes any rows, heads and widths. Values may be the first numbers of their keys,
 * and are not stored then.
 */
class KeyValueStore {
 public:
  /** Positions of a block: the most that a window holds too many, and what attention reads in one run. */
  static constexpr size_t kBlock = 256;

  explicit KeyValueStore(KeyValueDtype dtype) : dtype_(dtype) {}

  /** For callers on several threads: held as long as one uses the store. */
  std::mutex& mutex() { return mutex_; }

  KeyValueDtype dtype() const { return dtype_; }
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
  /** As `append`, to a store of int8: positions as another one has them. */
  void append_codes(const KeyValueCodes& keys, const KeyValueCodes* values, size_t rows, size_t heads, size_t count, size_t width,
                    size_t value_width);
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
  /** Planes of a block, one behind the other: keys, values, and the scales of both. Those that a store does not have are empty. */
  enum Plane { kKeys, kValues, kKeyScales, kValueScales, kPlanes };

  /** Bytes of a row of the batch in each plane of a block. */
  std::array<size_t, kPlanes> row_bytes() const;
  size_t block_bytes() const;
  static Block make_block(size_t bytes);
  /** Makes room for `count` positions of that shape. @throws std::bad_alloc; nothing has changed then. */
  void extend(size_t rows, size_t heads, size_t count, size_t width, size_t value_width, bool shares_values);
  /** Calls `write(index, count, data, scales)` for runs of new positions: `index` counts those of all lanes that were given. */
  template <class Write> void write(Plane plane, size_t count, size_t width, const Write& write) const;
  void clear();
  void clear_views();
  void update_views();

  std::mutex mutex_;
  KeyValueDtype dtype_;
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
  /** Of int8; empty for other dtypes. */
  std::vector<const float*> key_scales_;
  std::vector<const float*> value_scales_;
};

}  // namespace mixtape
