#pragma once
// State per Node environment: the main thread's, and each worker's.

#include <napi.h>

namespace mixtape {

struct ArgumentError;

/** Throws into JavaScript what the package's error factory makes of it. */
void throw_native_error(Napi::Env env, const ArgumentError& error);

/** Sets up an environment. When the last one ends, so do the pool's threads: the library may be unloaded then. */
void enter_environment(Napi::Env env, Napi::Object exports);

}  // namespace mixtape
