#pragma once
// The 16 numbers that codes of IQ4_NL, IQ4_XS and MXFP4 stand for.

#include "formats/block.h"

namespace mixtape {
namespace {

/** Of IQ4_NL and IQ4_XS. */
alignas(16) constexpr int8_t kIq4Numbers[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/** E2M1, doubled. */
alignas(16) constexpr int8_t kFp4Numbers[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

}  // namespace
}  // namespace mixtape
