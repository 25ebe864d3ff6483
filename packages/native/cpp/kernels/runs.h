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
  /** Of int8; null for other formats. */
  const float* key_scales = nullptr;
  const float* value_scales = nullptr;
};

/** Those of a lane from `position` on, at most `most`. */
inline Run run_of(const KeyValues& kv, size_t lane, size_t position, size_t most) {
  const size_t at = kv.first + position;
  const size_t in_block = at % kv.block;
  const size_t index = lane * kv.block + in_block;
  const size_t left = kv.block - in_block;
  const size_t number = at / kv.block;
  Run run = {kv.keys[number] + bytes_of(kv.dtype, index * kv.width), kv.values[number] + bytes_of(kv.dtype, index * kv.value_stride),
             left < most ? left : most};
  if (kv.dtype == KeyValueDtype::int8) {
    run.key_scales = kv.key_scales[number] + index;
    run.value_scales = kv.value_scales[number] + index;
  }
  return run;
}

}  // namespace
}  // namespace mixtape
