// Compiled for AVX2, FMA and F16C.
#include "isa/tables.h"
#include "kernels/table_of.h"
#include "simd/avx2.h"

namespace mixtape {

const Kernels* avx2_kernels() {
  static constexpr Kernels table = table_of<Avx2>();
  return &table;
}

}  // namespace mixtape
