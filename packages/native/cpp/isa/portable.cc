#include "isa/tables.h"
#include "kernels/table_of.h"
#include "simd/portable.h"

namespace mixtape {

const Kernels* portable_kernels() {
  static constexpr Kernels table = table_of<Portable>();
  return &table;
}

}  // namespace mixtape
