// makeSequence, repeatSequence

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "bind/args.h"
#include "bind/exports.h"

namespace mixtape {

/**
 * Calls that are made one after the other, without JavaScript between them.
 *
 * Their arguments were read once. What handles keep stays. Arrays are kept alive, but JavaScript can still take their memory
 * away, so that is looked at before each repetition. All else that a call checks, it checks each time.
 */
class Sequence {
 public:
  struct Call {
    const char* name;
    Work work;
    std::vector<Napi::Value> values;
  };

  Sequence(Napi::Env env, const std::vector<Call>& calls) {
    Napi::Array arrays = Napi::Array::New(env);
    std::set<Place> known;
    for (const auto& [name, work, values] : calls) {
      std::vector<Argument> arguments;
      for (const Napi::Value value : values) {
        arguments.push_back(read_argument(value));
        const Place place{arguments.back().data, arguments.back().length};
        if (!place.first || !known.insert(place).second) continue;
        arrays.Set(static_cast<uint32_t>(places_.size()), value);
        places_.push_back(place);
      }
      calls_.push_back({name, work, std::move(arguments)});
    }
    arrays_ = Napi::Persistent(arrays.As<Napi::Object>());
  }

  void repeat(Napi::Env env) const {
    check_arrays(env);
    for (const auto& [name, work, arguments] : calls_) work(Args(arguments, name));
  }

 private:
  /** Where the numbers of an array lie, and how many. */
  using Place = std::pair<const void*, size_t>;

  struct ReadCall {
    const char* name;
    Work work;
    std::vector<Argument> arguments;
  };

  void check_arrays(Napi::Env env) const {
    const Napi::HandleScope scope(env);
    const Napi::Object arrays = arrays_.Value();
    for (uint32_t i = 0; i < places_.size(); i++) {
      const Argument now = read_argument(arrays.Get(i));
      if (places_[i] != Place{now.data, now.length})
        throw ArgumentError{"repeatSequence", "arrays as they were", describe(now) + " that was moved, cut or taken away"};
    }
  }

  std::vector<ReadCall> calls_;
  std::vector<Place> places_;
  Napi::ObjectReference arrays_;
};

namespace {

/** More calls than any step makes, and more arguments than any call has. */
constexpr uint32_t kMostItems = 1 << 20;

std::vector<Napi::Value> items_of(Napi::Value value, const char* expected) {
  if (!value.IsArray()) throw ArgumentError{"makeSequence", expected, describe(read_argument(value))};
  const auto array = value.As<Napi::Array>();
  if (array.Length() > kMostItems) throw ArgumentError{"makeSequence", "fewer calls", std::to_string(array.Length())};
  std::vector<Napi::Value> items(array.Length());
  for (uint32_t i = 0; i < items.size(); i++) items[i] = array.Get(i);
  return items;
}

/** makeSequence(names, lists) → a handle; call i is of the function names[i] with the arguments lists[i] */
Napi::Value make_sequence(const Napi::CallbackInfo& info) {
  const auto names = items_of(info[0], "an array of names");
  const auto lists = items_of(info[1], "an array of lists of arguments");
  if (names.size() != lists.size())
    throw ArgumentError{"makeSequence", "a list of arguments for each name", std::to_string(lists.size())};
  // Reading items may run JavaScript, which may move what arrays point to: arguments are read when all items are there.
  std::vector<Sequence::Call> calls;
  for (size_t i = 0; i < names.size(); i++) {
    const auto* const found = names[i].IsString() ? find_work(names[i].As<Napi::String>()) : nullptr;
    if (!found) throw ArgumentError{"makeSequence", "functions that can be repeated", describe(read_argument(names[i]))};
    calls.push_back({found->first, found->second, items_of(lists[i], "a list of arguments")});
  }
  return handle_of(info.Env(), std::make_shared<Sequence>(info.Env(), calls));
}

/** repeatSequence(sequence) */
Napi::Value repeat_sequence(const Napi::CallbackInfo& info) {
  const Args args(info, "repeatSequence");
  args.sequence(0, "sequence").repeat(info.Env());
  return info.Env().Undefined();
}

}  // namespace

void export_sequences(Napi::Object exports) {
  export_function(exports, "makeSequence", make_sequence);
  export_function(exports, "repeatSequence", repeat_sequence);
}

}  // namespace mixtape
