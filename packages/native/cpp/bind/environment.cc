#include "bind/environment.h"

#include <atomic>

#include "bind/args.h"
#include "bind/graph_thread.h"
#include "core/pool.h"

namespace mixtape {
namespace {

std::atomic<int> environments{0};

struct Environment {
  Napi::FunctionReference make_error;
};

Napi::Value set_error_factory(const Napi::CallbackInfo& info) {
  if (!info[0].IsFunction()) throw ArgumentError{"onError", "a function", describe(read_argument(info[0]))};
  info.Env().GetInstanceData<Environment>()->make_error = Napi::Persistent(info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

}  // namespace

void throw_native_error(Napi::Env env, const ArgumentError& error) {
  const auto text = [&](const std::string& value) { return Napi::String::New(env, value); };
  const auto& make_error = env.GetInstanceData<Environment>()->make_error;
  if (make_error.IsEmpty())
    throw Napi::TypeError::New(env, error.where + ": expected " + error.expected + ", got " + error.got);
  napi_throw(env, make_error.Call({text(error.where), text(error.expected), text(error.got)}));
}

void enter_environment(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment);
  environments.fetch_add(1);
  env.AddCleanupHook([raw = static_cast<napi_env>(env)] {
    GraphThread::shared().leave(raw);
    if (environments.fetch_sub(1) != 1) return;
    GraphThread::shared().stop();
    Pool::shared().stop();
  });
  export_function(exports, "onError", set_error_factory);
}

}  // namespace mixtape
