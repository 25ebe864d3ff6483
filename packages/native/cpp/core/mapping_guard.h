#pragma once
// Survives reads of a mapped file behind its new end, where somebody has truncated it: the kernel answers such a read with
// SIGBUS, which ends a process that does not handle it.

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace mixtape {

/**
 * A range of memory that a file is mapped to. Where a read of it raises SIGBUS, the rest of the range from that page on is
 * replaced by zeros and the range counts as lost; the read then goes on. Costs nothing until then.
 */
class GuardedRange {
 public:
  /** Guards a range; the first call installs the handler of SIGBUS, which passes all other faults on to the one before. */
  static GuardedRange* guard(const uint8_t* begin, size_t size);
  /** Ends the guard, before the range is unmapped. */
  void release();

  /** Returns whether zeros replace a part of the file. */
  bool lost() const { return lost_.load(std::memory_order_acquire); }

  /** Number of ranges lost so far in this process: if a call does not change it, the call has read what was mapped. */
  static uint64_t losses();

 private:
  /** @returns whether the address is in the range, which is lost then */
  bool take(uintptr_t address);
  friend struct FaultHandler;

  // Read by a signal handler, so never freed and changed by atomic stores alone. A released range is used again.
  std::atomic<uintptr_t> begin_{0};
  std::atomic<size_t> size_{0};
  std::atomic<bool> lost_{false};
  std::atomic<bool> used_{true};
  GuardedRange* next_ = nullptr;
};

}  // namespace mixtape
