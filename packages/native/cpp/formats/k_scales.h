#pragma once
// The scales and minima of Q4_K and Q5_K: eight of each, in 12 bytes.

#include "formats/block.h"

namespace mixtape {
namespace {

/** Eight scales and eight minima of 6 bits. */
struct KScales {
  uint8_t scales[8];
  uint8_t minima[8];

  explicit KScales(const uint8_t* b) {
    const uint32_t low = uint32_at(b), middle = uint32_at(b + 4), high = uint32_at(b + 8);
    const uint32_t words[4] = {low & 0x3f3f3f3f, (high & 0x0f0f0f0f) | (low >> 6 & 0x03030303) << 4, middle & 0x3f3f3f3f,
                               (high >> 4 & 0x0f0f0f0f) | (middle >> 6 & 0x03030303) << 4};
    memcpy(scales, words, 8);
    memcpy(minima, words + 2, 8);
  }
};

}  // namespace
}  // namespace mixtape
