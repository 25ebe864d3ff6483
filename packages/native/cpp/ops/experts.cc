#include "ops/experts.h"

#include <string.h>

#include "core/pool.h"
#include "core/scratch.h"
#include "ops/grouped.h"

namespace mixtape {
namespace {

/** `gating(gate · x, up · x)` of each choice: each expert's packed for what comes next. */
void gate_up(const Experts& experts, const Grouped& grouped, const float* x, const GateOptions& options,
             const std::vector<Packed>& hidden) {
  const auto& groups = grouped.groups;
  std::vector<GateUp> parts;
  parts.reserve(groups.size());
  for (const Group& group : groups) parts.push_back(experts.gate_up(group.expert, group.count(), options));
  Scratch scratch;
  place(parts, scratch);

  const auto packing = tasks_of(groups.size(), [&](size_t g) { return parts[g].steps(); });
  run_steps(packing.size(), grouped.tokens.size() * experts.gate.columns, [&](size_t i) {
    const auto [g, step] = packing[i];
    parts[g].pack(step, x, grouped.tokens.data() + groups[g].from);
  });

  const auto products = tasks_of(groups.size(), [&](size_t g) { return parts[g].shares().count; });
  Pool::shared().run(products.size(), [&](size_t i) {
    const auto [g, share] = products[i];
    const Shares shares = parts[g].shares();
    parts[g].multiply(shares.from(share), shares.to(share), hidden[g]);
  });
}

/**
 * Columns of y that a thread takes at a time: at least four shares for each thread. Of few tokens so many that rows of an expert
 * stream; of many so many that going through the packed tokens of all experts for each share costs little.
 */
Shares columns_of(const Stack& stack, bool is_few) {
  constexpr size_t kOfMany = 256;
  const Matrix one = stack.matrix(0);
  const size_t wanted = is_few ? rows_of(one).size : kOfMany;
  const size_t most = one.rows / (4 * static_cast<size_t>(Pool::shared().size())) / kShareRows * kShareRows;
  return Shares(one.rows, std::max(kShareRows, std::min(wanted, most)));
}

/** Adds `weight · (down · hidden + bias)` of each choice to its token. A thread takes a few columns of y, and all experts for them. */
void down(const Stack& stack, const Biases& bias, const Grouped& grouped, const std::vector<Packed>& hidden, size_t tokens, float* y) {
  const auto& groups = grouped.groups;
  size_t most = 0;
  for (const Group& group : groups) most = std::max(most, group.count());
  const Shares shares = columns_of(stack, most <= 2);
  Pool::shared().run(shares.count, [&](size_t share) {
    const size_t from = shares.from(share);
    const size_t count = shares.to(share) - from;
    Scratch own;
    float* const out = own.floats(most * count);
    for (size_t t = 0; t < tokens; t++) memset(y + t * stack.rows + from, 0, count * sizeof *y);
    for (size_t g = 0; g < groups.size(); g++) {
      const Group& group = groups[g];
      hidden[g].multiply(stack.matrix(group.expert).slice(from, from + count), out, count);
      if (bias.data) add_bias(bias.of(group.expert) + from, group.count(), count, out, count);
      for (size_t i = 0; i < group.count(); i++) {
        const float weight = grouped.weights[group.from + i];
        float* const sum = y + static_cast<size_t>(grouped.tokens[group.from + i]) * stack.rows + from;
        for (size_t n = 0; n < count; n++) sum[n] += weight * out[i * count + n];
      }
    }
  });
}

}  // namespace

void experts(const Experts& experts, const Routed& routed, const GateOptions& options, float* y) {
  const Grouped grouped(routed, experts.gate.experts);
  read_ahead(experts, grouped);
  std::vector<Packed> hidden;
  hidden.reserve(grouped.groups.size());
  for (const Group& group : grouped.groups)
    hidden.emplace_back(kernels().product(experts.down.dtype, options.precision, group.count()), group.count(), experts.down.columns);
  Scratch scratch;
  place(hidden, scratch);
  gate_up(experts, grouped, routed.x, options, hidden);
  down(experts.down, experts.down_bias, grouped, hidden, routed.tokens, y);
}

}  // namespace mixtape
