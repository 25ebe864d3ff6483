// info, setThreads

#include "bind/args.h"
#include "bind/exports.h"
#include "core/kernels.h"
#include "core/pool.h"

namespace mixtape {
namespace {

/** info() → { isa, isas, threads, processors } */
Napi::Value info_of(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object out = Napi::Object::New(env);
  out.Set("isa", kernels().name);
  Napi::Array isas = Napi::Array::New(env);
  for (const Kernels* table : all_kernels()) isas.Set(isas.Length(), table->name);
  out.Set("isas", isas);
  out.Set("threads", Pool::shared().size());
  out.Set("processors", usable_processors());
  return out;
}

/** setThreads(count) */
Napi::Value set_threads(const Napi::CallbackInfo& info) {
  const Args args(info, "setThreads");
  Pool::shared().resize(static_cast<int>(args.count(0, "threads", 1, 1024)));
  return info.Env().Undefined();
}

}  // namespace

void export_engine(Napi::Object exports) {
  export_function(exports, "info", info_of);
  export_function(exports, "setThreads", set_threads);
}

}  // namespace mixtape
