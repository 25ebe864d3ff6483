// Memory between the steps of an operation: aligned, whole, and a thread's own.

#include "core/scratch.h"

#include <thread>

#include "test/check.h"

namespace mixtape {
namespace {

TEST(scratch_is_aligned_and_apart) {
  for (int round = 0; round < 3; round++) {
    Scratch scratch;
    std::vector<std::pair<uint8_t*, size_t>> blocks;
    for (const size_t size : {0, 1, 63, 64, 65, 4096, 1 << 20, 7}) {
      uint8_t* const block = scratch.bytes(size);
      CHECK(reinterpret_cast<uintptr_t>(block) % 64 == 0);
      std::memset(block, static_cast<int>(blocks.size()) + 1, size);
      blocks.emplace_back(block, size);
    }
    for (size_t i = 0; i < blocks.size(); i++)
      for (size_t j = 0; j < blocks[i].second; j += 61) CHECK(blocks[i].first[j] == i + 1);
  }
}

TEST(scratch_is_used_again) {
  // On a thread that has kept nothing from tests before.
  std::thread([] {
    const void* first;
    {
      Scratch scratch;
      first = scratch.floats(1000);
    }
    Scratch scratch;
    CHECK(scratch.floats(1000) == first);
  }).join();
}

TEST(scratch_of_threads) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; thread++)
    threads.emplace_back([thread] {
      for (size_t round = 0; round < 200; round++) {
        Scratch outer;
        float* const numbers = outer.floats(round * 10);
        for (size_t i = 0; i < round * 10; i++) numbers[i] = static_cast<float>(thread);
        Scratch inner;
        inner.bytes(round * 100)[0] = 1;
      }
    });
  for (auto& thread : threads) thread.join();
}

// Sanitizers end the program instead.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(scratch_refuses_what_no_machine_has) {
  Scratch scratch;
  CHECK_THROWS(std::bad_alloc, scratch.bytes(SIZE_MAX / 2));
  scratch.bytes(16)[0] = 1;
}
#endif

}  // namespace
}  // namespace mixtape
