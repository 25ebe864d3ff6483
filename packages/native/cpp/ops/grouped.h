#pragma once
// Choices of tokens in the order by expert, and the steps of a job that has several for each expert.

#include <vector>

#include "core/scratch.h"
#include "ops/experts.h"

namespace mixtape {

/** The choices of an expert: [from, to) in the order by expert. */
struct Group {
  size_t expert;
  size_t from;
  size_t to;
  size_t count() const { return to - from; }
};

/** Choices in the order by expert, without those of none; those of one expert in the order of tokens. */
struct Grouped {
  std::vector<Group> groups;
  /** Choice of a token, with its weight. */
  std::vector<int32_t> choices;
  std::vector<int32_t> tokens;
  std::vector<float> weights;

  Grouped(const Routed& routed, size_t experts) {
    const size_t all = routed.tokens * routed.choices;
    std::vector<size_t> next(experts + 1);
    for (size_t i = 0; i < all; i++)
      if (routed.indices[i] >= 0) next[static_cast<size_t>(routed.indices[i]) + 1]++;
    for (size_t e = 0; e < experts; e++) {
      if (next[e + 1] > 0) groups.push_back({e, next[e], next[e] + next[e + 1]});
      next[e + 1] += next[e];
    }
    const size_t chosen = next[experts];
    choices.resize(chosen);
    tokens.resize(chosen);
    weights.resize(chosen);
    for (size_t i = 0; i < all; i++) {
      if (routed.indices[i] < 0) continue;
      const size_t place = next[static_cast<size_t>(routed.indices[i])]++;
      choices[place] = static_cast<int32_t>(i);
      tokens[place] = static_cast<int32_t>(i / routed.choices);
      weights[place] = routed.weights[i];
    }
  }
};

/** Has the system read the matrices of the chosen experts in the order of their use, where experts are larger than their memory. */
inline void read_ahead(const Experts& experts, const Grouped& grouped) {
  const Stack& gate = experts.gate;
  if (!gate.cached || !experts.up.cached || !experts.down.cached || !ExpertCache::shared().is_active()) return;
  std::vector<Use> uses;
  uses.reserve(3 * grouped.groups.size());
  for (const Group& group : grouped.groups) {
    uses.push_back({&(*gate.cached)[group.expert], group.count()});
    uses.push_back({&(*experts.up.cached)[group.expert], group.count()});
  }
  for (const Group& group : grouped.groups) uses.push_back({&(*experts.down.cached)[group.expert], group.count()});
  ExpertCache::shared().use(uses);
}

/** A step of a job that has several for each group. */
struct Task {
  uint32_t group;
  uint32_t step;
};

template <class Steps> std::vector<Task> tasks_of(size_t groups, Steps&& steps) {
  std::vector<Task> tasks;
  for (uint32_t g = 0; g < groups; g++)
    for (uint32_t step = 0, count = static_cast<uint32_t>(steps(g)); step < count; step++) tasks.push_back({g, step});
  return tasks;
}

/** Gives the parts of several packed groups memory. */
template <class Part> void place(std::vector<Part>& parts, Scratch& scratch) {
  size_t bytes = 0;
  for (const Part& part : parts) bytes += part.bytes();
  uint8_t* memory = scratch.bytes(bytes);
  for (Part& part : parts) memory = part.place(memory);
}

}  // namespace mixtape
