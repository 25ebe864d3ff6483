#pragma once
// Memory that an operation needs between its steps.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mixtape {

/** Blocks aligned to 64 bytes, given back together at the end. Each thread keeps what it gave back for its next operation. */
class Scratch {
 public:
  Scratch() = default;
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /** Not initialised. @throws std::bad_alloc */
  uint8_t* bytes(size_t count);
  float* floats(size_t count) { return reinterpret_cast<float*>(bytes(count * sizeof(float))); }

 private:
  struct Block {
    uint8_t* data;
    size_t size;
  };
  struct FreeList;
  static FreeList& free_list();
  std::vector<Block> taken_;
};

}  // namespace mixtape
