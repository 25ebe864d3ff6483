#include "isa/tables.h"
#include "kernels/table_of.h"
#include "simd/neon.h"

namespace mixtape {

const Kernels* neon_kernels() {
  static constexpr Kernels table = table_of<Neon>();
  return &table;
}

}  // namespace mixtape
