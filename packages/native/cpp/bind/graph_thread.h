#pragma once
// Replays of graphs on a thread of their own, so that JavaScript's is free meanwhile.

#include <napi.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

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

  /** Takes a run. @throws std::system_error where the system gives no thread; the run stays the caller's then */
  void post(std::unique_ptr<GraphRun>& run);
  /** Ends the run of a graph: at once if it waits, within milliseconds if it is under way. */
  void cancel(CapturedGraph& graph);
  /** Cancels the runs of an environment that ends, waits for the one that is under way, and frees them. */
  void leave(napi_env env);
  /** Ends the thread. It comes back with the next run. */
  void stop();

 private:
  using Run = std::unique_ptr<GraphRun>;
  void loop();
  void start();
  void hand_over(Run run);

  /** Held for all that follows. */
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Run> waiting_;
  /** Graph of the run that is under way, or null; and its environment, until that has the run back. */
  CapturedGraph* current_ = nullptr;
  napi_env current_env_ = nullptr;
  /** Runs that their environments did not take back, since they are ending. */
  std::vector<Run> abandoned_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace mixtape
