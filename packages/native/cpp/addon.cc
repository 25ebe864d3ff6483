// The addon: every function that JavaScript can call, from bind/.

#include <napi.h>

#include "bind/environment.h"
#include "bind/exports.h"

namespace {

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  mixtape::enter_environment(env, exports);
  mixtape::export_engine(exports);
  mixtape::export_weights(exports);
  mixtape::export_products(exports);
  mixtape::export_mlp(exports);
  mixtape::export_project_heads(exports);
  mixtape::export_rows(exports);
  mixtape::export_elementwise(exports);
  mixtape::export_moves(exports);
  mixtape::export_slots(exports);
  mixtape::export_attention(exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(mixtape, initialize)
