#pragma once
// One function per instruction set that this build has; each is compiled with the flags of its own.

#include "kernels/table.h"

namespace mixtape {

const Kernels* portable_kernels();
const Kernels* avx2_kernels();
const Kernels* avx512_kernels();
const Kernels* amx_kernels();
const Kernels* neon_kernels();
const Kernels* neon_dotprod_kernels();

}  // namespace mixtape
