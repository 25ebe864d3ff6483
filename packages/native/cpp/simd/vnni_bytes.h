#pragma once
// 32 numbers of 8 bits: AVX-512 VNNI, on vectors of 256 bits.

#include "simd/avx2_bytes.h"

namespace mixtape {
namespace {

/** As PortableBytes describes. */
struct VnniBytes : Avx2Bytes {
  static F8 dot_unsigned(Bytes a, Bytes x) { return _mm256_cvtepi32_ps(_mm256_dpbusd_epi32(_mm256_setzero_si256(), a, x)); }
  static F8 dot_signed(Bytes a, Bytes x) { return dot_unsigned(_mm256_abs_epi8(a), _mm256_sign_epi8(x, a)); }
};

}  // namespace
}  // namespace mixtape
