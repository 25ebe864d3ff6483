// Experts that need not all be in memory.

#include "core/expert_cache.h"

#include <cstdlib>
#include <fstream>

#if !defined(_WIN32)
#include <unistd.h>

#include "test/check.h"

namespace mixtape {
namespace {

constexpr size_t kBytes = 4 * 4096;

/** A stack of matrices in a file, which is gone at the end. */
struct Stack {
  explicit Stack(size_t count) {
    char name[] = "/tmp/mixtape-experts-XXXXXX";
    close(mkstemp(name));
    path = name;
    std::ofstream(path) << std::string(count * kBytes, 'x');
    file = Mapping::open(path);
    CachedStack stack(count);
    for (size_t i = 0; i < count; i++) stack[i].places.push_back({file.get(), file->data() + i * kBytes, kBytes});
    matrices = ExpertCache::shared().add(std::move(stack));
  }
  ~Stack() {
    matrices.reset();
    unlink(path.c_str());
  }
  void use(const std::vector<size_t>& indices, size_t tokens = 1) {
    std::vector<Use> uses;
    for (const size_t i : indices) uses.push_back({&(*matrices)[i], tokens});
    ExpertCache::shared().use(uses);
  }
  bool is_kept(size_t i) const { return (*matrices)[i].state != CachedMatrix::State::on_disk; }

  std::string path;
  std::shared_ptr<Mapping> file;
  std::shared_ptr<CachedStack> matrices;
};

ExpertCache::Counts counts() { return ExpertCache::shared().counts(); }
void limit(size_t matrices) { ExpertCache::shared().set_limit(matrices * kBytes); }

TEST(experts_that_fit_are_left_alone) {
  Stack stack(10);
  limit(10);
  CHECK(!ExpertCache::shared().is_active());
  limit(9);
  CHECK(ExpertCache::shared().is_active());
  ExpertCache::shared().set_limit(SIZE_MAX);
}

TEST(experts_take_no_more_than_their_memory) {
  Stack stack(40);
  limit(20);
  for (size_t i = 0; i < 400; i++) {
    stack.use({i * 7 % 40, i * 11 % 40});
    CHECK(counts().resident_bytes <= 20 * kBytes);
    // What is about to be used is never dropped for something else that is.
    CHECK(stack.is_kept(i * 7 % 40) && stack.is_kept(i * 11 % 40));
  }
  CHECK(counts().used == 800);
  // A matrix that the system is still reading counts again.
  CHECK(counts().read >= counts().dropped + counts().resident_bytes / kBytes);
  for (size_t i = 0; i < 40; i++) CHECK((*stack.matrices)[i].bytes == kBytes && stack.file->data()[i * kBytes] == 'x');
  ExpertCache::shared().set_limit(SIZE_MAX);
}

TEST(experts_used_most_stay_whatever_passes_by) {
  Stack stack(100);
  limit(20);
  for (size_t i = 0; i < 30; i++) stack.use({0, 1, 2, 3, 4, 5, 6, 7});
  // A long text that uses each of the others a few times.
  for (size_t i = 0; i < 300; i++) stack.use({8 + i % 92});
  for (size_t i = 0; i < 8; i++) CHECK(stack.is_kept(i));
  ExpertCache::shared().set_limit(SIZE_MAX);
}

TEST(experts_of_another_text_replace_those_of_the_last) {
  Stack stack(100);
  limit(20);
  for (size_t i = 0; i < 100; i++) stack.use({i % 18});
  for (size_t i = 0; i < 4000; i++) stack.use({50 + i % 18});
  size_t kept = 0;
  for (size_t i = 50; i < 68; i++) kept += stack.is_kept(i) ? 1 : 0;
  CHECK(kept >= 16);
  ExpertCache::shared().set_limit(SIZE_MAX);
}

TEST(experts_read_again_and_again_in_order_are_kept_in_part) {
  Stack stack(100);
  limit(50);
  for (size_t round = 0; round < 4; round++)
    for (size_t i = 0; i < 100; i++) stack.use({i});
  const auto before = counts();
  for (size_t i = 0; i < 100; i++) stack.use({i});
  // Where the longest unused goes, each is gone before its turn comes.
  CHECK(counts().read - before.read <= 62);
  ExpertCache::shared().set_limit(SIZE_MAX);
}

TEST(experts_that_the_system_took_are_read_again) {
  Stack stack(10);
  limit(5);
  stack.use({1});
  const volatile uint8_t* const data = stack.file->data() + kBytes;
  CHECK(data[0] == 'x');
  stack.use({1});
  CHECK(counts().read == 1);
#if defined(__linux__)
  sync();
  stack.file->advise_drop(stack.file->data() + kBytes, kBytes);
  if (!stack.file->holds(stack.file->data() + kBytes)) {
    stack.use({1});
    CHECK(counts().read == 2);
  }
#endif
  CHECK(data[kBytes - 1] == 'x');
  ExpertCache::shared().set_limit(SIZE_MAX);
}

TEST(experts_larger_than_their_memory_alone_are_used) {
  Stack stack(10);
  limit(0);
  stack.use({0, 1, 2, 3});
  stack.use({4, 5});
  CHECK(stack.is_kept(4) && stack.is_kept(5) && !stack.is_kept(0));
  ExpertCache::shared().set_limit(SIZE_MAX);
}

TEST(experts_of_a_model_that_is_gone_take_nothing) {
  {
    Stack stack(10);
    limit(5);
    stack.use({0, 1, 2, 3});
    CHECK(counts().resident_bytes == 4 * kBytes);
  }
  CHECK(counts().resident_bytes == 0);
  CHECK(!ExpertCache::shared().is_active());
  ExpertCache::shared().set_limit(SIZE_MAX);
}

}  // namespace
}  // namespace mixtape

#endif
