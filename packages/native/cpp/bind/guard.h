#pragma once
// Boundary to Node: exceptions leave C++ only as exceptions of JavaScript.

#include <napi.h>

namespace mixtape {

/** Throws into JavaScript what is being handled: to be called in a catch block. Throws nothing itself. */
void throw_into_javascript(Napi::Env env);

/** `work()`, or null where it throws: then JavaScript has an exception. */
template <class Capturable> napi_value guarded(Napi::Env env, Capturable&& function) {
  try {
    return function();
  } catch (...) {
    throw_into_javascript(env);
    return nullptr;
  }
}

}  // namespace mixtape
