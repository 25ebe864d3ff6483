#include "core/mapping_guard.h"

#if !defined(_WIN32)

#include <csignal>
#include <mutex>

#include <sys/mman.h>
#include <unistd.h>

namespace mixtape {
namespace {

std::atomic<GuardedRange*> ranges{nullptr};
std::atomic<uint64_t> lost_ranges{0};
std::mutex changing;
struct sigaction before;
size_t page_bytes;

}  // namespace

bool GuardedRange::take(uintptr_t address) {
  const uintptr_t begin = begin_.load(std::memory_order_acquire);
  const size_t size = size_.load(std::memory_order_acquire);
  if (begin == 0 || address < begin || address - begin >= size) return false;
  const uintptr_t page = address & ~(page_bytes - 1);
  void* const zeros = mmap(reinterpret_cast<void*>(page), begin + size - page, PROT_READ,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (zeros == MAP_FAILED) return false;
  if (!lost_.exchange(true, std::memory_order_acq_rel)) lost_ranges.fetch_add(1, std::memory_order_acq_rel);
  return true;
}

/** Runs in the signal handler: atomic loads and mmap alone, which are safe there. */
struct FaultHandler {
  static void handle(int signal, siginfo_t* info, void* context) {
    const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
    for (GuardedRange* range = ranges.load(std::memory_order_acquire); range != nullptr; range = range->next_)
      if (range->take(address)) return;
    pass_on(signal, info, context);
  }

  static void pass_on(int signal, siginfo_t* info, void* context) {
    if (before.sa_flags & SA_SIGINFO) return before.sa_sigaction(signal, info, context);
    if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) return before.sa_handler(signal);
    // The read is tried again, and ends the process as it would have without this handler.
    sigaction(signal, &before, nullptr);
  }
};

GuardedRange* GuardedRange::guard(const uint8_t* begin, size_t size) {
  const std::lock_guard<std::mutex> lock(changing);
  if (page_bytes == 0) {
    page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    struct sigaction action {};
    action.sa_sigaction = FaultHandler::handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &before);
  }
  GuardedRange* range = ranges.load(std::memory_order_acquire);
  while (range != nullptr && range->used_.load(std::memory_order_acquire)) range = range->next_;
  const bool is_new = range == nullptr;
  if (is_new) {
    range = new GuardedRange;
    range->next_ = ranges.load(std::memory_order_acquire);
  }
  range->used_.store(true, std::memory_order_release);
  range->lost_.store(false, std::memory_order_release);
  range->size_.store(size, std::memory_order_release);
  range->begin_.store(reinterpret_cast<uintptr_t>(begin), std::memory_order_release);
  if (is_new) ranges.store(range, std::memory_order_release);
  return range;
}

void GuardedRange::release() {
  const std::lock_guard<std::mutex> lock(changing);
  begin_.store(0, std::memory_order_release);
  used_.store(false, std::memory_order_release);
}

uint64_t GuardedRange::losses() { return lost_ranges.load(std::memory_order_acquire); }

}  // namespace mixtape

#else

// Windows lets nobody truncate a file that is mapped.
namespace mixtape {

GuardedRange* GuardedRange::guard(const uint8_t*, size_t) {
  static GuardedRange none;
  return &none;
}
void GuardedRange::release() {}
uint64_t GuardedRange::losses() { return 0; }

}  // namespace mixtape

#endif
