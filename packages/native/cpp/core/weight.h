#pragma once
// A weight in its storage format, in place.

#include <memory>
#include <vector>

#include "core/expert_cache.h"
#include "core/mapping.h"
#include "core/types.h"

namespace mixtape {

/** One or more matrices of one shape and format: a vector counts as a single row, a stack of experts as one matrix each. */
struct Weight {
  Dtype dtype;
  size_t rows;
  size_t columns;
  std::vector<const uint8_t*> parts;
  /** Scales of each part, where the format has them in a plane of their own. */
  std::vector<Scales> scales;
  /** Owners of the parts' memory: mappings of files, or blocks of our own. */
  std::vector<std::shared_ptr<const void>> owners;
  /** Those of them that are mappings. */
  std::vector<const Mapping*> mappings;
  /** Of mapped experts: which of the parts are in memory. Null for all others. */
  std::shared_ptr<CachedStack> cached = nullptr;

  /** The file that a part of the weight is gone from, or null. */
  const Mapping* lost() const {
    for (const Mapping* mapping : mappings)
      if (mapping->lost()) return mapping;
    return nullptr;
  }

  Matrix matrix(size_t part) const {
    return {dtype, parts[part], rows, columns, scales.empty() ? Scales{} : scales[part]};
  }
};

}  // namespace mixtape
