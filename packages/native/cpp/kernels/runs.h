#pragma once
// Runs of positions in blocks.

#include "core/key_values.h"

namespace mixtape {
namespace {

/** A run of contiguous positions. */
struct Run {
  const uint8_t* keys;
  const uint8_t* values;
  size_t count;
};

/** Those of a lane from `slot` on, at most `most`. */
inline Run run_of(const KeyValues& slots, size_t lane, size_t slot, size_t most) {
  const size_t place = slots.first + slot;
  const size_t in_block = place % slots.block;
  const size_t index = lane * slots.block + in_block;
  const size_t bytes = bytes_per_element(slots.dtype);
  const size_t left = slots.block - in_block;
  return {slots.keys[place / slots.block] + index * slots.width * bytes,
          slots.values[place / slots.block] + index * slots.value_stride * bytes, left < most ? left : most};
}

}  // namespace
}  // namespace mixtape
