#pragma once
// Slots as they lie in blocks.

#include "core/key_values.h"

namespace mixtape {
namespace {

/** Where slots lie that follow one another. */
struct Run {
  const uint8_t* keys;
  const uint8_t* values;
  size_t count;
};

/** Those of a lane from `slot` on, at most `most`. */
inline Run run_of(const KeyValues& slots, size_t lane, size_t slot, size_t most) {
  const size_t place = slots.first + slot;
  const size_t in_block = place % slots.block;
  const size_t offset = (lane * slots.block + in_block) * slots.width * bytes_per_element(slots.dtype);
  const size_t left = slots.block - in_block;
  return {slots.keys[place / slots.block] + offset, slots.values[place / slots.block] + offset, left < most ? left : most};
}

}  // namespace
}  // namespace mixtape
