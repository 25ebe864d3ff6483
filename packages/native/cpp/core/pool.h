#pragma once
// Threads that share the work of one operation.

#include <cstddef>
#include <memory>

namespace mixtape {

/**
 * A fixed set of threads, the caller's among them. Each takes chunks of its own range of the work in order, one by one, then
 * those that are left of the others'. Idle threads watch for work for some microseconds, then sleep.
 *
 * Any thread may call `run`. While one's work is under way, that of another runs on its own thread alone: nobody waits. It is shared
 * once the other's is done.
 */
class Pool {
 public:
  /** The one pool of the process. */
  static Pool& shared();

  /** Number of threads that work, the caller's included. */
  int size() const;
  /** @param threads at least 1 */
  void resize(int threads);

  /**
   * Runs `work(chunk)` for every chunk below `chunks`, each once.
   * @throws Cancelled where this thread's work is cancelled, and what `work` throws, the first of it, once no thread works any more; other chunks may not have been run then
   */
  template <class Work>
  void run(size_t chunks, const Work& work) {
    run(chunks, [](const void* context, size_t chunk) { (*static_cast<const Work*>(context))(chunk); }, &work);
  }

  /** Ends all threads but the caller's. They come back with the next `run`. */
  void stop();

 private:
  struct State;
  Pool();
  ~Pool() = delete;
  void run(size_t chunks, void (*work)(const void*, size_t), const void* context);
  State* state_;
};

/** Number of processors that this process may use. */
int usable_processors();

}  // namespace mixtape
