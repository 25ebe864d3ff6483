#pragma once
// Numbers in each storage format, and back, written a second time: plainly, to hold the kernels against.

#include "core/types.h"
#include "test/check.h"

namespace mixtape::check {

inline float from_bits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

inline uint16_t to_bfloat16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  if (std::isnan(x)) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline float from_bfloat16(uint16_t half) { return from_bits(static_cast<uint32_t>(half) << 16); }

inline float from_float16(uint16_t half) {
  const int exponent = half >> 10 & 0x1f;
  const int fraction = half & 0x3ff;
  const float sign = half & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 0x1f) return fraction ? NAN : sign * INFINITY;
  return sign * (exponent ? std::ldexp(1024.0f + static_cast<float>(fraction), exponent - 25)
                          : std::ldexp(static_cast<float>(fraction), -24));
}

/** A matrix of random numbers in a storage format, and the same numbers as float32. */
struct RandomMatrix {
  RandomMatrix(Dtype dtype, size_t rows, size_t columns, size_t shift)
      : floats(dtype == Dtype::float32 ? rows * columns : 0, shift),
        halves(dtype == Dtype::float32 ? 0 : rows * columns, shift),
        values(rows * columns),
        matrix{dtype, dtype == Dtype::float32 ? floats.as() : halves.as(), rows, columns} {
    std::normal_distribution<float> normal;
    for (size_t i = 0; i < values.size(); i++) {
      const float x = normal(random_bits());
      if (dtype == Dtype::float32) {
        values[i] = floats[i] = x;
      } else if (dtype == Dtype::bfloat16) {
        halves[i] = to_bfloat16(x);
        values[i] = from_bfloat16(halves[i]);
      } else {
        // Exponents from 2⁻⁷ to 2⁸, which are about what weights have.
        halves[i] = static_cast<uint16_t>(random_bits()() & 0x83ff) | static_cast<uint16_t>((8 + random_bits()() % 16) << 10);
        values[i] = from_float16(halves[i]);
      }
    }
  }

  Buffer<float> floats;
  Buffer<uint16_t> halves;
  Buffer<float> values;
  Matrix matrix;
};

constexpr Dtype kAllDtypes[] = {Dtype::float32, Dtype::bfloat16, Dtype::float16};

}  // namespace mixtape::check
