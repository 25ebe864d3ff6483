#pragma once

#include <vector>

#include "kernels/table.h"

namespace mixtape {

/** The kernels of every instruction set that runs here, the best first, the portable ones last. */
std::vector<const Kernels*> all_kernels();

}  // namespace mixtape
