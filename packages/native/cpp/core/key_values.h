#pragma once
// Keys and values as attention reads them.

#include "core/types.h"

namespace mixtape {

/**
 * Keys and values of `lanes` (rows of the batch times key heads) at `length` positions. They are stored in blocks: block i holds
 * `[lanes, block, width]` keys and `[lanes, block, value_stride]` values, of which the first `value_width` count; position s is number
 * `(first + s) % block` of block `(first + s) / block`. A plain tensor is one block of `length` positions. Where values are the first
 * numbers of their keys, they share the memory of the keys.
 */
struct KeyValues {
  Dtype dtype;
  size_t lanes;
  size_t length;
  size_t width;
  size_t value_width;
  size_t value_stride;
  size_t block;
  size_t first;
  const uint8_t* const* keys;
  const uint8_t* const* values;
};

}  // namespace mixtape
