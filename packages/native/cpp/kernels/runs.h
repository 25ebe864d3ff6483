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

/** Those of a lane from `position` on, at most `most`. */
inline Run run_of(const KeyValues& kv, size_t lane, size_t position, size_t most) {
  const size_t at = kv.first + position;
  const size_t in_block = at % kv.block;
  const size_t index = lane * kv.block + in_block;
  const size_t bytes = bytes_of(kv.dtype, 1);
  const size_t left = kv.block - in_block;
  return {kv.keys[at / kv.block] + index * kv.width * bytes,
          kv.values[at / kv.block] + index * kv.value_stride * bytes, left < most ? left : most};
}

}  // namespace
}  // namespace mixtape
