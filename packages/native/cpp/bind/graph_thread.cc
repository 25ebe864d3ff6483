// runGraph, cancelGraph

#include "bind/graph_thread.h"

#include <utility>

#include "bind/exports.h"
#include "bind/guard.h"
#include "core/cancellation.h"

namespace mixtape {

GraphThread& GraphThread::shared() {
  // Never destroyed, as the pool is not.
  static GraphThread* const thread = new GraphThread;
  return *thread;
}

void GraphThread::start() {
  thread_ = std::thread([this] { loop(); });
}

void GraphThread::post(Run& run) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!thread_.joinable() && !stopping_) start();
  waiting_.push_back(std::move(run));
  changed_.notify_all();
}

void GraphThread::cancel(CapturedGraph& graph) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (current_ == &graph) return graph.cancel();
  for (auto run = waiting_.begin(); run != waiting_.end(); ++run) {
    if ((*run)->graph.get() != &graph) continue;
    Run own = std::move(*run);
    waiting_.erase(run);
    own->failure = std::make_exception_ptr(Cancelled{});
    graph.end();
    return hand_over(std::move(own));
  }
}

void GraphThread::leave(napi_env env) {
  std::vector<Run> own;
  std::unique_lock<std::mutex> lock(mutex_);
  const auto take = [&](auto& runs) {
    for (auto run = runs.begin(); run != runs.end();) {
      if ((*run)->env != env) {
        ++run;
        continue;
      }
      own.push_back(std::move(*run));
      run = runs.erase(run);
    }
  };
  take(waiting_);
  if (current_ && current_env_ == env) current_->cancel();
  changed_.wait(lock, [&] { return current_env_ != env; });
  take(abandoned_);
}

void GraphThread::stop() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!thread_.joinable() || stopping_) return;
  stopping_ = true;
  std::thread ending = std::move(thread_);
  changed_.notify_all();
  lock.unlock();
  ending.join();
  lock.lock();
  stopping_ = false;
  if (waiting_.empty()) return;
  // Of an environment that has begun meanwhile.
  try {
    start();
  } catch (...) {
    for (Run& run : waiting_) {
      run->failure = std::current_exception();
      run->graph->end();
      hand_over(std::move(run));
    }
    waiting_.clear();
  }
}

void GraphThread::loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    Run run = std::move(waiting_.front());
    waiting_.pop_front();
    current_ = run->graph.get();
    current_env_ = run->env;
    lock.unlock();
    try {
      int32_t made;
      run->graph->replay(made);
    } catch (...) {
      run->failure = std::current_exception();
    }
    run->graph->end();
    lock.lock();
    current_ = nullptr;
    hand_over(std::move(run));
    current_env_ = nullptr;
    changed_.notify_all();
  }
}

void GraphThread::hand_over(Run run) {
  const napi_threadsafe_function ended = run->ended;
  if (napi_call_threadsafe_function(ended, run.get(), napi_tsfn_nonblocking) == napi_ok) {
    run.release();
    napi_release_threadsafe_function(ended, napi_tsfn_release);
  } else {
    abandoned_.push_back(std::move(run));
  }
}

namespace {

/** Settles the promise of a run, on the thread of its environment. */
void settle(Napi::Env env, GraphRun& run) {
  if (!run.failure) return run.promise.Resolve(Napi::Boolean::New(env, true));
  try {
    std::rethrow_exception(run.failure);
  } catch (const Cancelled&) {
    run.promise.Resolve(Napi::Boolean::New(env, false));
  } catch (...) {
    throw_into_javascript(env);
    napi_value error = nullptr;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) run.promise.Reject(error);
  }
}

/** @param env null where the environment is ending */
void on_end(napi_env env, napi_value, void*, void* data) {
  const std::unique_ptr<GraphRun> run(static_cast<GraphRun*>(data));
  if (!env) return;
  guarded(env, [&]() -> napi_value {
    const Napi::HandleScope scope(env);
    settle(env, *run);
    return nullptr;
  });
}

/** runGraph(graph) → a promise: true once all calls are made, false where the run was cancelled */
Napi::Value run_graph(const Napi::CallbackInfo& info) {
  const Args args(info, "runGraph");
  const Napi::Env env = info.Env();
  auto run = std::make_unique<GraphRun>(GraphRun{env, args.shared_graph(0, "graph"), Napi::Promise::Deferred::New(env)});
  CapturedGraph& graph = *run->graph;
  args.require(graph.begin(), "a graph that no other replay is running");
  try {
    graph.check_arrays(env);
    const auto name = Napi::String::New(env, "mixtape graph");
    if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, nullptr, on_end, &run->ended) != napi_ok)
      throw Napi::Error::New(env);
    const Napi::Value promise = run->promise.Promise();
    GraphThread::shared().post(run);
    return promise;
  } catch (...) {
    if (run && run->ended) napi_release_threadsafe_function(run->ended, napi_tsfn_abort);
    graph.end();
    throw;
  }
}

/** cancelGraph(graph): ends a run of it, if there is one */
Napi::Value cancel_graph(const Napi::CallbackInfo& info) {
  const Args args(info, "cancelGraph");
  GraphThread::shared().cancel(args.graph(0, "graph"));
  return info.Env().Undefined();
}

}  // namespace

void export_graph_thread(Napi::Object exports) {
  export_function(exports, "runGraph", run_graph);
  export_function(exports, "cancelGraph", cancel_graph);
}

}  // namespace mixtape
