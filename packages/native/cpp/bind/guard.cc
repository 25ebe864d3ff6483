#include "bind/guard.h"

#include <map>
#include <mutex>
#include <new>
#include <stdexcept>
#include <system_error>

#include "bind/args.h"
#include "bind/environment.h"

namespace mixtape {
namespace {

void translate(Napi::Env env) {
  try {
    throw;
  } catch (const Napi::Error& error) {
    // JavaScript's own. Where the environment is ending (a worker was terminated in this call) Node takes none, and needs none.
    napi_throw(env, error.Value());
  } catch (const ArgumentError& error) {
    throw_native_error(env, error);
  } catch (const std::bad_alloc&) {
    throw_native_error(env, {"memory", "enough for the operation", "none left"});
  } catch (const std::length_error&) {
    throw_native_error(env, {"memory", "an operation that fits in it", "a larger one"});
  } catch (const std::system_error& error) {
    throw_native_error(env, {"a file", "one that can be mapped", error.what()});
  } catch (const std::exception& error) {
    throw_native_error(env, {"the engine", "to start", error.what()});
  }
}

using Function = Napi::Value (*)(const Napi::CallbackInfo&);

/** Entry point for Node. The wrapper of node-addon-api would end the process where a terminated worker takes no exception. */
napi_value call(napi_env env, napi_callback_info given) {
  return guarded(env, [&]() -> napi_value {
    const Napi::CallbackInfo info(env, given);
    return reinterpret_cast<Function>(info.Data())(info);
  });
}

}  // namespace

void throw_into_javascript(Napi::Env env) {
  try {
    translate(env);
  } catch (...) {
    // There was no memory for the error, or Node made none, because the environment is ending.
    bool is_pending = false;
    if (napi_is_exception_pending(env, &is_pending) == napi_ok && !is_pending)
      napi_throw_error(env, nullptr, "the native engine failed, and no error could be made of it");
  }
}

namespace {

using NamedCapturable = std::pair<const char*, Capturable>;

/** All environments export the same, one after the other or at once: written by the first alone. */
std::map<std::string, NamedCapturable>& capturables() {
  static std::map<std::string, NamedCapturable> all;
  return all;
}
std::mutex exporting;

/** Entry point for Node of a capturable function. */
napi_value call_capturable(napi_env env, napi_callback_info given) {
  return guarded(env, [&]() -> napi_value {
    const Napi::CallbackInfo info(env, given);
    const auto& [name, function] = *static_cast<const NamedCapturable*>(info.Data());
    const Args args(info, name);
    function(args);
    args.check_files();
    return nullptr;
  });
}

}  // namespace

void export_capturable(Napi::Object exports, const char* name, Capturable function) {
  const std::lock_guard<std::mutex> lock(exporting);
  NamedCapturable& named = capturables().emplace(name, NamedCapturable{name, function}).first->second;
  napi_value made;
  if (napi_create_function(exports.Env(), name, NAPI_AUTO_LENGTH, call_capturable, &named, &made) != napi_ok)
    throw Napi::Error::New(exports.Env());
  exports.Set(name, Napi::Value(exports.Env(), made));
}

const NamedCapturable* find_capturable(const std::string& name) {
  const std::lock_guard<std::mutex> lock(exporting);
  const auto found = capturables().find(name);
  return found == capturables().end() ? nullptr : &found->second;
}

void export_function(Napi::Object exports, const char* name, Function function) {
  napi_value made;
  if (napi_create_function(exports.Env(), name, NAPI_AUTO_LENGTH, call, reinterpret_cast<void*>(function), &made) != napi_ok)
    throw Napi::Error::New(exports.Env());
  exports.Set(name, Napi::Value(exports.Env(), made));
}

}  // namespace mixtape
