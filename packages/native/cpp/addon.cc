// The addon: every function that JavaScript can call, from bind/.

#include <napi.h>

#include "bind/environment.h"
#include "bind/exports.h"
#include "bind/guard.h"

namespace {

void add_functions(Napi::Env env, Napi::Object exports) {
  mixtape::enter_environment(env, exports);
  mixtape::export_engine(exports);
  mixtape::export_weights(exports);
  mixtape::export_products(exports);
  mixtape::export_peaks(exports);
  mixtape::export_mlp(exports);
  mixtape::export_project_heads(exports);
  mixtape::export_rows(exports);
  mixtape::export_elementwise(exports);
  mixtape::export_strided_copy(exports);
  mixtape::export_gather(exports);
  mixtape::export_key_value_store(exports);
  mixtape::export_attention(exports);
  mixtape::export_recurrence(exports);
  mixtape::export_captured_graph(exports);
  mixtape::export_graph_thread(exports);
}

napi_value initialize(napi_env env, napi_value exports) {
  return mixtape::guarded(env, [&] {
    add_functions(env, Napi::Object(env, exports));
    return exports;
  });
}

}  // namespace

NAPI_MODULE(mixtape, initialize)
