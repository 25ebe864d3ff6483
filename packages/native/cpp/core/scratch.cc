#include "core/scratch.h"

#include <new>

namespace mixtape {
namespace {

constexpr std::align_val_t kAlignment{64};
/** Above this, what does not fit an operation is given back to the system. */
constexpr size_t kMaxKept = size_t{256} << 20;

}  // namespace

struct Scratch::FreeList {
  std::vector<Block> blocks;
  size_t bytes = 0;

  ~FreeList() { release(); }

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

Scratch::FreeList& Scratch::free_list() {
  thread_local FreeList free_list;
  return free_list;
}

uint8_t* Scratch::bytes(size_t count) {
  FreeList& free_list = Scratch::free_list();
  const size_t size = count > 0 ? count : 1;
  taken_.reserve(taken_.size() + 1);
  Block block = free_list.take(size);
  if (!block.data) {
    if (free_list.bytes > kMaxKept) free_list.release();
    block = {static_cast<uint8_t*>(::operator new(size, kAlignment)), size};
  }
  taken_.push_back(block);
  return block.data;
}

Scratch::~Scratch() {
  FreeList& free_list = Scratch::free_list();
  free_list.blocks.reserve(free_list.blocks.size() + taken_.size());
  for (const Block& block : taken_) {
    free_list.blocks.push_back(block);
    free_list.bytes += block.size;
  }
}

}  // namespace mixtape
