#pragma once
// Sixteen numbers of 6 bits in 12 bytes: the order of the scales and minima of Q4_K and Q5_K.

#include <string.h>

#include "core/types.h"

namespace mixtape {
namespace {

/** Eight numbers, and eight others. */
struct SixBits {
  uint8_t first[8];
  uint8_t second[8];

  explicit SixBits(const uint8_t* p) {
    uint32_t from[3];
    memcpy(from, p, sizeof from);
    const auto [low, middle, high] = from;
    const uint32_t words[4] = {low & 0x3f3f3f3f, (high & 0x0f0f0f0f) | (low >> 6 & 0x03030303) << 4, middle & 0x3f3f3f3f,
                               (high >> 4 & 0x0f0f0f0f) | (middle >> 6 & 0x03030303) << 4};
    memcpy(first, words, 8);
    memcpy(second, words + 2, 8);
  }
};

}  // namespace
}  // namespace mixtape
