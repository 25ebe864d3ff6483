#include "core/scratch.h"

#include <new>

namespace mixtape {
namespace {

constexpr std::align_val_t kAlignment{64};
/** Above this, what does not fit an operation is given back to the system. */
constexpr size_t kMostKept = size_t{256} << 20;

}  // namespace

struct Scratch::Kept {
  std::vector<Block> blocks;
  size_t bytes = 0;

  ~Kept() { release(); }

  void release() {
    for (const Block& block : blocks) ::operator delete(block.data, kAlignment);
    blocks.clear();
    bytes = 0;
  }

  /** The smallest block that is large enough, or none. */
  Block take(size_t size) {
    size_t best = blocks.size();
    for (size_t i = 0; i < blocks.size(); i++)
      if (blocks[i].size >= size && (best == blocks.size() || blocks[i].size < blocks[best].size)) best = i;
    if (best == blocks.size()) return {nullptr, 0};
    const Block block = blocks[best];
    blocks[best] = blocks.back();
    blocks.pop_back();
    bytes -= block.size;
    return block;
  }
};

Scratch::Kept& Scratch::kept() {
  thread_local Kept kept;
  return kept;
}

uint8_t* Scratch::bytes(size_t count) {
  Kept& kept = Scratch::kept();
  const size_t size = count > 0 ? count : 1;
  taken_.reserve(taken_.size() + 1);
  Block block = kept.take(size);
  if (!block.data) {
    if (kept.bytes > kMostKept) kept.release();
    block = {static_cast<uint8_t*>(::operator new(size, kAlignment)), size};
  }
  taken_.push_back(block);
  return block.data;
}

Scratch::~Scratch() {
  Kept& kept = Scratch::kept();
  kept.blocks.reserve(kept.blocks.size() + taken_.size());
  for (const Block& block : taken_) {
    kept.blocks.push_back(block);
    kept.bytes += block.size;
  }
}

}  // namespace mixtape
