#pragma once

#include "core/key_values.h"

namespace mixtape {

/** Queries `[rows, heads, count, width]` at the last `count` slots of keys and values of `rows · groups` lanes. */
struct Attention {
  const float* q;
  size_t rows;
  size_t heads;
  size_t groups;
  size_t count;
  KeyValues slots;
  /** `[rows, slots.length]`, 0 for padding; or null. */
  const int32_t* tokens;
  /** How many slots a query sees at most, its own included; at least 1. */
  size_t window;
  float scale;
};

/**
 * `softmax(scale · q · kᵀ) · v` over the slots that each query sees, `[rows, count, heads · width]`; a query that sees none
 * attends to all slots evenly. On all threads.
 */
void attention(const Attention& given, float* out);

}  // namespace mixtape
