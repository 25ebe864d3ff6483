// Compiled for AVX-512 F, BW, DQ, VL, VNNI and BF16.
#include "isa/tables.h"
#include "kernels/table_of.h"
#include "simd/avx512.h"

namespace mixtape {

const Kernels* avx512_kernels() {
  static constexpr Kernels table = table_of<Avx512>();
  return &table;
}

}  // namespace mixtape
