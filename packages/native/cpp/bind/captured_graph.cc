// createGraph, replayGraph

#include "bind/captured_graph.h"

#include <set>
#include <string>

#include "bind/exports.h"
#include "core/cancellation.h"

namespace mixtape {

/** Keeps the objects of the handles of a call alive while it runs. */
class CapturedGraph::Borrowed {
 public:
  explicit Borrowed(ReadCall& call) : call_(call) {
    for (const auto& [index, value] : call_.kept) call_.arguments[index].value = value.lock();
  }
  ~Borrowed() {
    for (const auto& [index, value] : call_.kept) call_.arguments[index].value.reset();
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;

 private:
  ReadCall& call_;
};

CapturedGraph::CapturedGraph(Napi::Env env, const std::vector<Call>& calls) {
  std::vector<Napi::PropertyDescriptor> arrays;
  std::set<Place> known;
  for (const auto& [name, function, values] : calls) {
    ReadCall call{name, function, {}, {}};
    for (const Napi::Value value : values) {
      Argument argument = read_argument(value);
      if (argument.value) call.kept.emplace_back(call.arguments.size(), argument.value);
      const Place place = place_of(argument);
      call.arguments.push_back(std::move(argument));
      if (!std::get<0>(place) || !known.insert(place).second) continue;
      const auto index = Napi::String::New(env, std::to_string(places_.size()));
      arrays.push_back(Napi::PropertyDescriptor::Value(index, value, napi_enumerable));
      places_.push_back(place);
    }
    calls_.push_back(std::move(call));
  }
  // Defined, not set, so that getting one never runs JavaScript of somebody's prototype.
  Napi::Object object = Napi::Object::New(env);
  object.DefineProperties(arrays);
  arrays_ = Napi::Persistent(object);
}

void CapturedGraph::check_arrays(Napi::Env env) const {
  const Napi::HandleScope scope(env);
  const Napi::Object arrays = arrays_.Value();
  for (uint32_t i = 0; i < places_.size(); i++) {
    const Argument now = read_argument(arrays.Get(i));
    if (places_[i] != place_of(now))
      throw ArgumentError{"replayGraph", "arrays as they were", describe(now) + " that was moved, cut or taken away"};
  }
}

void CapturedGraph::replay(int32_t& made) {
  made = 0;
  const Cancellable cancellable(cancelled_);
  // A call may write to the array of `made`.
  int32_t count = 0;
  try {
    for (ReadCall& call : calls_) {
      if (cancelled_.load(std::memory_order_relaxed)) throw Cancelled{};
      const Borrowed borrowed(call);
      const Args args(call.arguments, call.name);
      call.function(args);
      args.check_files();
      count++;
    }
  } catch (...) {
    made = count;
    throw;
  }
  made = count;
}

namespace {

/** More calls than any step makes. */
constexpr uint32_t kMaxCalls = 1 << 20;

std::vector<Napi::Value> items_of(Napi::Value value, const char* expected, uint32_t max) {
  if (!value.IsArray()) throw ArgumentError{"createGraph", expected, describe(read_argument(value))};
  const auto array = value.As<Napi::Array>();
  const uint32_t length = array.Length();
  if (length > max)
    throw ArgumentError{"createGraph", std::string(expected) + ", at most " + std::to_string(max), std::to_string(length)};
  std::vector<Napi::Value> items(length);
  for (uint32_t i = 0; i < length; i++) items[i] = array.Get(i);
  return items;
}

/** createGraph(names, lists) → a handle; call i is of the function names[i] with the arguments lists[i] */
Napi::Value create_graph(const Napi::CallbackInfo& info) {
  const auto names = items_of(info[0], "an array of names", kMaxCalls);
  const auto lists = items_of(info[1], "an array of lists of arguments", kMaxCalls);
  if (names.size() != lists.size())
    throw ArgumentError{"createGraph", "a list of arguments for each name", std::to_string(lists.size())};
  // Reading items may run JavaScript, which may move what arrays point to: arguments are read when all items are there.
  std::vector<CapturedGraph::Call> calls;
  for (size_t i = 0; i < names.size(); i++) {
    const auto* const found = names[i].IsString() ? find_capturable(names[i].As<Napi::String>()) : nullptr;
    if (!found) throw ArgumentError{"createGraph", "functions that can be captured", describe(read_argument(names[i]))};
    calls.push_back({found->first, found->second, items_of(lists[i], "a list of arguments", Args::kMaxCount)});
  }
  return handle_of(info.Env(), std::make_shared<CapturedGraph>(info.Env(), calls));
}

/** replayGraph(graph, made): made[0] is then how many calls were made, also where one fails */
Napi::Value replay_graph(const Napi::CallbackInfo& info) {
  const Args args(info, "replayGraph");
  CapturedGraph& graph = args.graph(0, "graph");
  int32_t& made = *args.ints(1, "made", 1);
  args.require(graph.begin(), "a graph that no other replay is running");
  const Running running(graph);
  graph.check_arrays(info.Env());
  graph.replay(made);
  return info.Env().Undefined();
}

}  // namespace

void export_captured_graph(Napi::Object exports) {
  export_function(exports, "createGraph", create_graph);
  export_function(exports, "replayGraph", replay_graph);
}

}  // namespace mixtape
