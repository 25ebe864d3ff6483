#include "core/pool.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

#include "core/pause.h"

namespace mixtape {
namespace {

using Work = void (*)(const void*, size_t);

/** A thread's own chunks, adjacent in memory too, so that the thread prefetches its own data. */
struct alignas(64) Range {
  std::atomic<size_t> next{0};
  size_t end = 0;
};

/**
 * Time that an idle thread spins before it sleeps. Between two kernels JavaScript takes some 20 µs, with caches that
 * weights have just run through; waking a thread takes 50 µs and more.
 */
constexpr std::chrono::microseconds kSpinTime{300};
/** Spins between two looks at the clock. */
constexpr int kSpinsPerCheck = 64;

/** Spins until `done` is true. Returns false where that takes longer than kSpinTime. */
template <class Done> bool spin_until(Done&& done) {
  const auto end = std::chrono::steady_clock::now() + kSpinTime;
  do {
    for (int spin = 0; spin < kSpinsPerCheck; spin++) {
      if (done()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

}  // namespace

struct Pool::State {
  /** Held by whoever's work is under way. */
  std::mutex busy;

  Work work = nullptr;
  const void* context = nullptr;
  /** One per thread, the caller's the first. Written while no thread works. */
  std::vector<Range> ranges;
  /** Counts jobs; a worker that sees it change joins. */
  std::atomic<uint64_t> job{0};
  std::atomic<int> working{0};

  std::mutex sleep;
  std::condition_variable wake;
  std::atomic<int> sleepers{0};
  std::atomic<bool> stopping{false};

  std::atomic<int> size{1};
  std::vector<std::thread> threads;

  /** The first exception that a chunk threw. */
  std::mutex failing;
  std::exception_ptr failure;

  /** Works on the thread's own range, then on what is left of those of the others. */
  void take(size_t thread) {
    try {
      for (size_t i = 0; i < ranges.size(); i++) take(ranges[(thread + i) % ranges.size()]);
    } catch (...) {
      std::lock_guard<std::mutex> lock(failing);
      if (!failure) failure = std::current_exception();
    }
  }

  void take(Range& range) {
    if (range.next.load(std::memory_order_relaxed) >= range.end) return;
    for (size_t chunk; (chunk = range.next.fetch_add(1, std::memory_order_relaxed)) < range.end;) work(context, chunk);
  }

  /** Divides the chunks, evenly. */
  void divide(size_t chunks) {
    const size_t count = threads.size() + 1;
    if (ranges.size() != count) ranges = std::vector<Range>(count);
    for (size_t i = 0, from = 0; i < count; i++) {
      const size_t to = from + chunks / count + (i < chunks % count ? 1 : 0);
      ranges[i].next.store(from, std::memory_order_relaxed);
      ranges[i].end = to;
      from = to;
    }
  }

  void loop(uint64_t seen, size_t thread) {
    for (;;) {
      if (!spin_until([&] { return job.load(std::memory_order_acquire) != seen; })) {
        std::unique_lock<std::mutex> lock(sleep);
        sleepers.fetch_add(1);
        wake.wait(lock, [&] { return job.load() != seen || stopping.load(); });
        sleepers.fetch_sub(1);
      }
      if (stopping.load()) return;
      seen = job.load(std::memory_order_acquire);
      take(thread);
      working.fetch_sub(1, std::memory_order_release);
    }
  }

  /** Starts the missing threads. If the system gives fewer, the existing ones do the work. */
  void start() {
    const uint64_t seen = job.load();
    const auto wanted = static_cast<size_t>(size.load() - 1);
    if (threads.size() >= wanted) return;
    threads.reserve(wanted);
    try {
      while (threads.size() < wanted) {
        const size_t thread = threads.size() + 1;
        threads.emplace_back([this, seen, thread] { loop(seen, thread); });
      }
    } catch (const std::system_error&) {
    }
  }

  void stop() {
    {
      std::lock_guard<std::mutex> lock(sleep);
      stopping.store(true);
      job.fetch_add(1);
    }
    wake.notify_all();
    for (auto& thread : threads) thread.join();
    threads.clear();
    stopping.store(false);
  }
};

Pool::Pool() : state_(new State) { state_->size = usable_processors(); }

Pool& Pool::shared() {
  // Never destroyed: threads of other Node environments may still use it while the process ends.
  static Pool* const pool = new Pool;
  return *pool;
}

int Pool::size() const { return state_->size.load(); }

void Pool::resize(int threads) {
  std::lock_guard<std::mutex> lock(state_->busy);
  state_->stop();
  state_->size = threads;
}

void Pool::stop() {
  std::lock_guard<std::mutex> lock(state_->busy);
  state_->stop();
}

void Pool::run(size_t chunks, Work work, const void* context) {
  State& s = *state_;
  if (chunks < 2 || s.size.load(std::memory_order_relaxed) == 1 || !s.busy.try_lock()) {
    for (size_t chunk = 0; chunk < chunks; chunk++) work(context, chunk);
    return;
  }
  std::lock_guard<std::mutex> lock(s.busy, std::adopt_lock);
  s.start();
  s.work = work;
  s.context = context;
  s.divide(chunks);
  s.working.store(static_cast<int>(s.threads.size()), std::memory_order_relaxed);
  s.job.fetch_add(1);
  if (s.sleepers.load() > 0) {
    // Under the lock, so that nobody misses it between its last look and falling asleep.
    std::lock_guard<std::mutex> sleeping(s.sleep);
    s.wake.notify_all();
  }
  s.take(0);
  while (!spin_until([&] { return s.working.load(std::memory_order_acquire) == 0; })) std::this_thread::yield();
  if (s.failure) std::rethrow_exception(std::exchange(s.failure, nullptr));
}

int usable_processors() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  const unsigned count = std::thread::hardware_concurrency();
  return count > 0 ? static_cast<int>(count) : 1;
}

}  // namespace mixtape
