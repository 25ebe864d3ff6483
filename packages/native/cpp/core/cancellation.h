#pragma once
// Ends the work of a thread early.

#include <atomic>

namespace mixtape {

/** Thrown where work was cancelled. */
struct Cancelled {};

/** The flag that cancels what this thread runs; null for none. */
inline thread_local const std::atomic<bool>* cancel_flag = nullptr;

/** While it lives, a flag cancels what this thread runs: Pool looks at it before each chunk. */
class Cancellable {
 public:
  explicit Cancellable(const std::atomic<bool>& flag) : before_(cancel_flag) { cancel_flag = &flag; }
  ~Cancellable() { cancel_flag = before_; }
  Cancellable(const Cancellable&) = delete;
  Cancellable& operator=(const Cancellable&) = delete;

 private:
  const std::atomic<bool>* before_;
};

}  // namespace mixtape
