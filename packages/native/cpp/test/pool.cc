// The pool under several callers at once, while its size changes, and when work fails.

#include "core/pool.h"

#include <atomic>
#include <stdexcept>
#include <thread>

#include "test/check.h"

namespace mixtape {
namespace {

/** Checks that each chunk runs, and runs once. */
bool runs_each_once(size_t chunks) {
  std::vector<std::atomic<int>> runs(chunks);
  Pool::shared().run(chunks, [&](size_t chunk) { runs[chunk].fetch_add(1, std::memory_order_relaxed); });
  for (const auto& count : runs)
    if (count.load() != 1) return false;
  return true;
}

TEST(pool_runs_each_chunk_once) {
  for (const int threads : {1, 2, 3, 8}) {
    Pool::shared().resize(threads);
    CHECK(Pool::shared().size() == threads);
    for (const size_t chunks : {0, 1, 2, 3, 7, 8, 9, 1000}) CHECK_IN(runs_each_once(chunks), check::text_of({chunks}));
  }
}

TEST(pool_sees_what_the_caller_wrote_and_the_caller_what_it_wrote) {
  Pool::shared().resize(4);
  std::vector<size_t> values(64), results(64);
  for (size_t round = 0; round < 2000; round++) {
    for (size_t& value : values) value = round;
    Pool::shared().run(values.size(), [&](size_t i) { results[i] = values[i] + i; });
    size_t wrong = 0;
    for (size_t i = 0; i < results.size(); i++) wrong += results[i] != round + i;
    CHECK(wrong == 0);
  }
}

TEST(pool_serves_several_callers_while_its_size_changes) {
  std::atomic<size_t> wrong{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; caller++)
    callers.emplace_back([&] {
      for (int round = 0; round < 400; round++) wrong += !runs_each_once(static_cast<size_t>(round % 40));
    });
  std::thread changer([&] {
    for (int round = 0; !done.load(); round++) {
      if (round % 5 == 0) Pool::shared().stop();
      Pool::shared().resize(1 + round % 5);
      std::this_thread::yield();
    }
  });
  for (auto& caller : callers) caller.join();
  done = true;
  changer.join();
  CHECK(wrong == 0);
}

TEST(pool_wakes_threads_that_sleep) {
  Pool::shared().resize(4);
  for (int round = 0; round < 20; round++) {
    CHECK(runs_each_once(64));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

TEST(pool_hands_on_what_work_throws) {
  Pool::shared().resize(4);
  for (const size_t chunks : {1, 2, 100})
    for (int round = 0; round < 50; round++) {
      const auto fail = [&](size_t chunk) {
        if (chunk == chunks - 1) throw std::range_error("no");
      };
      CHECK_THROWS(std::range_error, Pool::shared().run(chunks, fail));
      CHECK(runs_each_once(chunks));
    }
}

TEST(pool_comes_back_after_a_stop) {
  Pool::shared().resize(3);
  for (int round = 0; round < 50; round++) {
    CHECK(runs_each_once(20));
    Pool::shared().stop();
    CHECK(Pool::shared().size() == 3);
  }
}

}  // namespace
}  // namespace mixtape
