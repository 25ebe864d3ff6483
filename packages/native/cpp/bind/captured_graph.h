#pragma once
// Calls that were captured or queued, to be made without JavaScript.

#include <atomic>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "bind/args.h"

namespace mixtape {

/**
 * Calls that are replayed one after the other, without JavaScript between them.
 *
 * Their arguments were read once. What handles keep is kept until the first replay, for calls that wait for it, and not for later ones:
 * once it is released, a call that needs it is an error. Arrays are kept alive, but JavaScript can still take their memory away, so that is checked before each replay.
 * All else that a call checks, it checks each time.
 *
 * Any thread may replay it, one at a time; `check_arrays` comes before that, on the thread of JavaScript.
 */
class CapturedGraph {
 public:
  struct Call {
    const char* name;
    Capturable function;
    std::vector<Napi::Value> values;
  };

  CapturedGraph(Napi::Env env, const std::vector<Call>& calls);

  /** @throws ArgumentError where JavaScript has taken the memory of an array away */
  void check_arrays(Napi::Env env) const;

  /**
   * @param made how many calls were made, also where one fails
   * @throws Cancelled, and what the calls throw
   */
  void replay(int32_t& made);

  /** Ends a replay that another thread runs, within milliseconds. */
  void cancel() { cancelled_.store(true); }
  /** Reserves the graph for one replay. @returns false where there is one */
  bool begin() {
    if (running_.exchange(true)) return false;
    cancelled_.store(false);
    return true;
  }
  void end() { running_.store(false); }

 private:
  /** Address, type and number of the values of an array. */
  using Place = std::tuple<const void*, Argument::Kind, size_t>;

  struct ReadCall {
    const char* name;
    Capturable function;
    std::vector<Argument> arguments;
    /** Objects of the handles among the arguments, which have them too until the first replay. */
    std::vector<std::pair<size_t, std::weak_ptr<const void>>> kept;
  };

  class Borrowed;

  static Place place_of(const Argument& argument) { return {argument.data, argument.kind, argument.length}; }

  std::vector<ReadCall> calls_;
  std::vector<Place> places_;
  Napi::ObjectReference arrays_;
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> running_{false};
};

/** Ends a replay that was begun. */
class Running {
 public:
  explicit Running(CapturedGraph& graph) : graph_(graph) {}
  ~Running() { graph_.end(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  CapturedGraph& graph_;
};

}  // namespace mixtape
