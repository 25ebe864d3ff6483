// Compiled for NEON with dot products of 8 bits.
#include "isa/tables.h"
#include "kernels/table_of.h"
#include "simd/neon.h"

namespace mixtape {
namespace {

constexpr Kernels table() {
  Kernels table = table_of<Neon>();
  table.name = "neon_dotprod";
  return table;
}

}  // namespace

const Kernels* neon_dotprod_kernels() {
  static constexpr Kernels kernels = table();
  return &kernels;
}

}  // namespace mixtape
