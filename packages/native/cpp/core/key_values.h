#pragma once
// Keys and values as attention reads them.

#include "core/types.h"

namespace mixtape {

/** Storage format of cached keys and values. int8: codes, and one float32 scale of each head and position. */
enum class KeyValueDtype : uint8_t { float32, bfloat16, int8 };
constexpr int kKeyValueDtypes = 3;

constexpr size_t bytes_of(KeyValueDtype dtype, size_t count) {
  return dtype == KeyValueDtype::float32 ? 4 * count : dtype == KeyValueDtype::bfloat16 ? 2 * count : count;
}

/**
 * Keys and values of `lanes` (rows of the batch times key heads) at `length` positions. They are stored in blocks: block i holds
 * `[lanes, block, width]` keys and `[lanes, block, value_stride]` values, of which the first `value_width` count; position s is number
 * `(first + s) % block` of block `(first + s) / block`. A plain tensor is one block of `length` positions. Where values are the first
 * numbers of their keys, they share the memory of the keys.
 */
struct KeyValues {
  KeyValueDtype dtype;
  size_t lanes;
  size_t length;
  size_t width;
  size_t value_width;
  size_t value_stride;
  size_t block;
  size_t first;
  const uint8_t* const* keys;
  const uint8_t* const* values;
  /** Of int8: block i holds `[lanes, block]` scales; a key is its codes times its scale. Null for other formats. */
  const float* const* key_scales = nullptr;
  const float* const* value_scales = nullptr;

  /** Bytes that attention reads of a position of a lane. */
  size_t position_bytes() const {
    return bytes_of(dtype, width + value_width) + (dtype == KeyValueDtype::int8 ? 2 * sizeof(float) : 0);
  }
};

}  // namespace mixtape
