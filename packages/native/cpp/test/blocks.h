#pragma once
// Quantised numbers, written a second time: element by element, from the bytes of a block.

#include "test/formats.h"

namespace mixtape::check {

inline float half_of(const uint8_t* b) { return from_float16(static_cast<uint16_t>(b[0] | b[1] << 8)); }

/** Element i of a block of a format with its scales inside. */
inline double element_of(Dtype dtype, const uint8_t* b, int i) {
  static constexpr int kIq4[] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  static constexpr int kFp4[] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  const auto nibble = [&](const uint8_t* q) { return i < 16 ? q[i] & 15 : q[i - 16] >> 4; };
  const auto bit = [&](const uint8_t* q) { return q[i / 8] >> i % 8 & 1; };
  const auto k_scale = [&](const uint8_t* s, int j, bool is_minimum) {
    if (j < 4) return s[is_minimum ? j + 4 : j] & 63;
    const int low = is_minimum ? s[j + 4] >> 4 : s[j + 4] & 15;
    return low | (s[is_minimum ? j : j - 4] >> 6) << 4;
  };
  const double d = static_cast<double>(half_of(b));
  switch (dtype) {
    case Dtype::q4_0:
      return d * (nibble(b + 2) - 8);
    case Dtype::q4_1:
      return d * nibble(b + 4) + static_cast<double>(half_of(b + 2));
    case Dtype::q5_0:
      return d * ((nibble(b + 6) | bit(b + 2) << 4) - 16);
    case Dtype::q5_1:
      return d * (nibble(b + 8) | bit(b + 4) << 4) + static_cast<double>(half_of(b + 2));
    case Dtype::q8_0:
      return d * static_cast<int8_t>(b[2 + i]);
    case Dtype::q2_k: {
      const int code = b[16 + 32 * (i / 128) + i % 32] >> 2 * (i % 128 / 32) & 3;
      const int s = b[i / 16];
      return static_cast<double>(half_of(b + 80)) * (s & 15) * code - static_cast<double>(half_of(b + 82)) * (s >> 4);
    }
    case Dtype::q3_k: {
      const int code = b[32 + 32 * (i / 128) + i % 32] >> 2 * (i % 128 / 32) & 3;
      const int high = b[i % 32] >> i / 32 & 1;
      const int j = i / 16;
      const uint8_t* const s = b + 96;
      const int scale = (j < 8 ? s[j] & 15 : s[j - 8] >> 4) | (s[8 + j % 4] >> 2 * (j / 4) & 3) << 4;
      return static_cast<double>(half_of(b + 108)) * (scale - 32) * (code - (high ? 0 : 4));
    }
    case Dtype::q4_k:
    case Dtype::q5_k: {
      const int j = i / 32;
      const uint8_t* const q = b + (dtype == Dtype::q4_k ? 16 : 48) + 32 * (i / 64) + i % 32;
      int code = j % 2 ? *q >> 4 : *q & 15;
      if (dtype == Dtype::q5_k) code |= (b[16 + i % 32] >> j & 1) << 4;
      return d * k_scale(b + 4, j, false) * code - static_cast<double>(half_of(b + 2)) * k_scale(b + 4, j, true);
    }
    case Dtype::q6_k: {
      const int half = i / 128, quarter = i % 128 / 32, l = i % 32;
      const int low = b[64 * half + quarter % 2 * 32 + l];
      const int code = (quarter < 2 ? low & 15 : low >> 4) | (b[128 + 32 * half + l] >> 2 * quarter & 3) << 4;
      return static_cast<double>(half_of(b + 208)) * static_cast<int8_t>(b[192 + i / 16]) * (code - 32);
    }
    case Dtype::iq4_nl:
      return d * kIq4[nibble(b + 2)];
    case Dtype::iq4_xs: {
      const int j = i / 32, l = i % 32;
      const int scale = (b[4 + j / 2] >> 4 * (j % 2) & 15) | ((b[2] | b[3] << 8) >> 2 * j & 3) << 4;
      const int q = b[8 + 16 * j + l % 16];
      return d * (scale - 32) * kIq4[l < 16 ? q & 15 : q >> 4];
    }
    default:
      return std::ldexp(kFp4[nibble(b + 1)], b[0] - 128);
  }
}

/** Offsets of the float16 numbers of a block, which random bytes would make infinite. */
inline std::vector<size_t> halves_in(Dtype dtype) {
  switch (dtype) {
    case Dtype::q4_1:
    case Dtype::q5_1:
    case Dtype::q4_k:
    case Dtype::q5_k:
      return {0, 2};
    case Dtype::q2_k:
      return {80, 82};
    case Dtype::q3_k:
      return {108};
    case Dtype::q6_k:
      return {208};
    case Dtype::mxfp4:
      return {};
    default:
      return {0};
  }
}

/** A matrix of random blocks, and the numbers that they stand for. */
struct RandomBlocks {
  RandomBlocks(Dtype dtype, size_t rows, size_t columns, size_t group = 0, Dtype scale_dtype = Dtype::bfloat16)
      : bytes(rows * bytes_of(dtype, columns), 1),
        scales(group ? rows * columns / group : 0, 1),
        values(rows * columns),
        matrix{dtype, bytes.as(), rows, columns, group ? Scales{scales.as(), group, scale_dtype} : Scales{}} {
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random_bits()());
    for (uint16_t& scale : scales) scale = small_half(scale_dtype);
    const Block block = block_of(dtype);
    if (!group)
      for (size_t at = 0; at < bytes.size(); at += block.bytes) {
        for (const size_t offset : halves_in(dtype)) {
          const uint16_t half = small_half(Dtype::float16);
          std::memcpy(bytes.data() + at + offset, &half, 2);
        }
        if (dtype == Dtype::mxfp4) bytes[at] = static_cast<uint8_t>(118 + random_bits()() % 8);
      }
    for (size_t i = 0; i < values.size(); i++) values[i] = static_cast<float>(group ? planar(i) : inside(i));
  }

  Buffer<uint8_t> bytes;
  Buffer<uint16_t> scales;
  Buffer<float> values;
  Matrix matrix;

 private:
  static uint16_t small_half(Dtype dtype) {
    const auto fraction = static_cast<uint16_t>(random_bits()());
    return dtype == Dtype::float16 ? static_cast<uint16_t>((fraction & 0x83ff) | 0x2000) : static_cast<uint16_t>((fraction & 0x807f) | 0x3c00);
  }
  double inside(size_t i) const {
    const Block block = block_of(matrix.dtype);
    return element_of(matrix.dtype, bytes.data() + i / block.elements * block.bytes, static_cast<int>(i % block.elements));
  }
  double planar(size_t i) const {
    const uint16_t half = scales[i / matrix.scales.group];
    const double scale = static_cast<double>(matrix.scales.dtype == Dtype::bfloat16 ? from_bfloat16(half) : from_float16(half));
    return scale * (matrix.dtype == Dtype::int8 ? bytes[i] - 128 : (bytes[i / 2] >> 4 * (i % 2) & 15) - 8);
  }
};

}  // namespace mixtape::check
