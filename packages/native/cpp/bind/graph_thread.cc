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

void GraphThread::post(std::unique_ptr<GraphRun> run) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!thread_.joinable()) thread_ = std::thread([this] { loop(); });
    waiting_.push_back(std::move(run));
  }
  changed_.notify_all();
}

void GraphThread::leave(napi_env env) {
  std::unique_lock<std::mutex> lock(mutex_);
  for (auto run = waiting_.begin(); run != waiting_.end();) {
    if ((*run)->env != env) {
      ++run;
      continue;
    }
    (*run)->graph->end();
    run = waiting_.erase(run);
  }
  if (current_ && current_->env == env) current_->graph->cancel();
  changed_.wait(lock, [&] { return !current_ || current_->env != env; });
}

void GraphThread::stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!thread_.joinable()) return;
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  thread_ = {};
  stopping_ = false;
}

void GraphThread::loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    GraphRun* const run = waiting_.front().release();
    waiting_.pop_front();
    current_ = run;
    lock.unlock();
    try {
      int32_t made;
      run->graph->replay(made);
    } catch (...) {
      run->failure = std::current_exception();
    }
    run->graph->end();
    // Takes the run, unless its environment is ending: then nobody waits for it.
    napi_call_threadsafe_function(run->ended, run, napi_tsfn_nonblocking);
    lock.lock();
    current_ = nullptr;
    changed_.notify_all();
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

void on_end(napi_env env, napi_value, void*, void* data) {
  if (!env) return;
  const std::unique_ptr<GraphRun> run(static_cast<GraphRun*>(data));
  guarded(env, [&]() -> napi_value {
    const Napi::HandleScope scope(env);
    settle(env, *run);
    return nullptr;
  });
  napi_release_threadsafe_function(run->ended, napi_tsfn_release);
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
    GraphThread::shared().post(std::move(run));
    return promise;
  } catch (...) {
    graph.end();
    throw;
  }
}

/** cancelGraph(graph): ends a run of it within milliseconds, if there is one */
Napi::Value cancel_graph(const Napi::CallbackInfo& info) {
  const Args args(info, "cancelGraph");
  args.graph(0, "graph").cancel();
  return info.Env().Undefined();
}

}  // namespace

void export_graph_thread(Napi::Object exports) {
  export_function(exports, "runGraph", run_graph);
  export_function(exports, "cancelGraph", cancel_graph);
}

}  // namespace mixtape
