#pragma once
// Replays of graphs on a thread of their own, so that JavaScript's is free meanwhile.

#include <napi.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "bind/captured_graph.h"

namespace mixtape {

/** One replay. It is made and freed on the thread of its environment. */
struct GraphRun {
  napi_env env;
  std::shared_ptr<CapturedGraph> graph;
  Napi::Promise::Deferred promise;
  /** Returns the run to the thread of its environment. */
  napi_threadsafe_function ended = nullptr;
  /** Exception that ended it early. */
  std::exception_ptr failure = nullptr;
};

/** The one thread that replays graphs, in the order in which they come. It starts with the first. */
class GraphThread {
 public:
  static GraphThread& shared();

  /** @throws std::system_error where the system gives no thread; the run stays the caller's then */
  void post(std::unique_ptr<GraphRun> run);
  /** Cancels the runs of an environment that ends, and waits for the one that is under way. */
  void leave(napi_env env);
  /** Ends the thread. It comes back with the next run. */
  void stop();

 private:
  void loop();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<GraphRun>> waiting_;
  /** The run that is under way, or null. */
  GraphRun* current_ = nullptr;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace mixtape
