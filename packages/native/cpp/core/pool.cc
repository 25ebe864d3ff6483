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

#include "core/cancellation.h"
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
/** After so much of it, each look is followed by a yield: where other processes want the processor, spinning only takes it from them. */
constexpr std::chrono::microseconds kTimeToYield{50};
/** Spins between two looks at the clock. */
constexpr int kSpinsPerCheck = 64;

void refuse_cancelled(const std::atomic<bool>* flag) {
  if (flag && flag->load(std::memory_order_relaxed)) throw Cancelled{};
}

/** Spins until `done` is true. Returns false where that takes longer than kSpinTime. */
template <class Done> bool spin_until(Done&& done) {
  const auto begun = std::chrono::steady_clock::now();
  for (auto spent = begun - begun; spent < kSpinTime; spent = std::chrono::steady_clock::now() - begun) {
    for (int spin = 0; spin < kSpinsPerCheck; spin++) {
      if (done()) return true;
      pause();
    }
    if (spent > kTimeToYield) std::this_thread::yield();
  }
  return false;
}

/**
 * Who may work on the current job, in one number: the count of jobs so far, whether this one is open, and how many workers have joined it.
 * A job waits for those that have joined, and not for a thread that the system has not let run: by then others have done its share.
 */
class Gate {
 public:
  /** Opens the next job. Only while no worker is in. */
  void open() { state_.store((job() + 1) << kJobShift | kOpen); }
  /** Lets nobody join any more. */
  void close() { state_.fetch_and(~kOpen); }
  /** In one order with what sleepers count, so that none sleeps through a job. */
  uint64_t job() const { return state_.load() >> kJobShift; }
  bool is_empty() const { return (state_.load(std::memory_order_acquire) & kWorkers) == 0; }

  /** Joins the current job, if it is open and not `seen`, which becomes its number in either case. */
  bool join(uint64_t& seen) {
    uint64_t state = state_.load(std::memory_order_acquire);
    while ((state & kOpen) != 0 && state >> kJobShift != seen)
      if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire)) {
        seen = state >> kJobShift;
        return true;
      }
    seen = state >> kJobShift;
    return false;
  }
  void leave() { state_.fetch_sub(1, std::memory_order_release); }

 private:
  static constexpr int kJobShift = 16;
  static constexpr uint64_t kOpen = uint64_t{1} << 15;
  static constexpr uint64_t kWorkers = kOpen - 1;
  std::atomic<uint64_t> state_{0};
};

}  // namespace

struct Pool::State {
  /** Held by whoever's work is under way. */
  std::mutex busy;

  Work work = nullptr;
  const void* context = nullptr;
  /** Cancels the work; null for work that nobody can cancel. */
  const std::atomic<bool>* cancel = nullptr;
  /** One per thread, the caller's the first. Written while no thread works. */
  std::vector<Range> ranges;
  Gate gate;

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
    for (size_t chunk; (chunk = range.next.fetch_add(1, std::memory_order_relaxed)) < range.end;) {
      refuse_cancelled(cancel);
      work(context, chunk);
    }
  }

  /** Divides the chunks from `first` on, evenly. */
  void divide(size_t first, size_t chunks) {
    const size_t count = threads.size() + 1;
    const size_t left = chunks - first;
    if (ranges.size() != count) ranges = std::vector<Range>(count);
    for (size_t i = 0, from = first; i < count; i++) {
      const size_t to = from + left / count + (i < left % count ? 1 : 0);
      ranges[i].next.store(from, std::memory_order_relaxed);
      ranges[i].end = to;
      from = to;
    }
  }

  void loop(uint64_t seen, size_t thread) {
    for (;;) {
      if (!spin_until([&] { return gate.job() != seen || stopping.load(); })) {
        std::unique_lock<std::mutex> lock(sleep);
        sleepers.fetch_add(1);
        wake.wait(lock, [&] { return gate.job() != seen || stopping.load(); });
        sleepers.fetch_sub(1);
      }
      if (stopping.load()) return;
      if (!gate.join(seen)) continue;
      take(thread);
      gate.leave();
    }
  }

  /** Starts the missing threads. If the system gives fewer, the existing ones do the work. */
  void start() {
    const uint64_t seen = gate.job();
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
  const bool is_alone = chunks < 2 || s.size.load(std::memory_order_relaxed) == 1;
  // Alone, and while another's work is under way: a short one of theirs must not leave all of this to one thread.
  size_t chunk = 0;
  for (; chunk < chunks && (is_alone || !s.busy.try_lock()); chunk++) {
    refuse_cancelled(cancel_flag);
    work(context, chunk);
  }
  if (chunk == chunks) return;
  std::lock_guard<std::mutex> lock(s.busy, std::adopt_lock);
  s.start();
  s.work = work;
  s.context = context;
  s.cancel = cancel_flag;
  s.divide(chunk, chunks);
  s.gate.open();
  if (s.sleepers.load() > 0) {
    // Under the lock, so that nobody misses it between its last look and falling asleep.
    std::lock_guard<std::mutex> sleeping(s.sleep);
    s.wake.notify_all();
  }
  s.take(0);
  s.gate.close();
  while (!spin_until([&] { return s.gate.is_empty(); })) {
  }
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
