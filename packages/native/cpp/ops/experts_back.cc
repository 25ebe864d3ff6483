#include <string.h>

#include <algorithm>

#include "core/pool.h"
#include "ops/experts.h"
#include "ops/grouped.h"
#include "ops/matmul.h"
#include "ops/packed_for_transposed.h"

namespace mixtape {
namespace {

/** Numbers of each choice, in the order by expert: `[choices, inner]` each. */
struct Intermediates {
  /** gate · x, then its gradient. */
  float* gate;
  /** up · x, then its gradient. */
  float* up;
  /** The gradient of what `down` is given. */
  float* grad_hidden;
  /** gating(gate · x, up · x); null where nobody asks for it. */
  float* hidden;
};

/** gate · x and up · x of each choice, again. */
void gate_and_up(const Experts& experts, const Grouped& grouped, const float* x, const GateOptions& options, const Intermediates& to) {
  const auto& groups = grouped.groups;
  const size_t inner = experts.gate.rows;
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
    const size_t at = groups[g].from * inner;
    parts[g].multiply(shares.from(share), shares.to(share), to.gate + at, to.up + at);
  });
}

/** Packs each group by itself, to multiply by the transposed stack. */
std::vector<PackedForTransposed> packed_for(const Stack& stack, const Grouped& grouped, Precision precision) {
  std::vector<PackedForTransposed> parts;
  parts.reserve(grouped.groups.size());
  for (const Group& group : grouped.groups)
    parts.emplace_back(kernels().transposed_product(stack.dtype, precision), group.count(), stack.rows);
  return parts;
}

/** @param rows of each choice the row of x that is its own, or null where x is in the order by expert */
void pack(const std::vector<PackedForTransposed>& parts, const Grouped& grouped, const float* x, size_t width, const int32_t* rows) {
  const auto& groups = grouped.groups;
  const auto packing = tasks_of(groups.size(), [&](size_t g) { return parts[g].steps(); });
  run_steps(packing.size(), grouped.tokens.size() * width, [&](size_t i) {
    const auto [g, step] = packing[i];
    const size_t from = groups[g].from;
    parts[g].pack(step, rows ? x : x + from * width, width, rows ? rows + from : nullptr);
  });
}

/** dy · down of each choice. */
void back_through_down(const Stack& down, const Grouped& grouped, const float* dy, Precision precision, float* grad_hidden) {
  const auto& groups = grouped.groups;
  std::vector<PackedForTransposed> parts = packed_for(down, grouped, precision);
  Scratch scratch;
  place(parts, scratch);
  pack(parts, grouped, dy, down.rows, grouped.tokens.data());
  const Shares columns = transposed_columns(down.matrix(0));
  Pool::shared().run(groups.size() * columns.count, [&](size_t i) {
    const Group& group = groups[i / columns.count];
    const size_t from = columns.from(i % columns.count);
    float* const out = grad_hidden + group.from * down.columns + from;
    parts[i / columns.count].multiply(down.matrix(group.expert), from, columns.to(i % columns.count), false, out, down.columns);
  });
}

/** Back through the gating; and the gradients of how much each choice counts. */
void back_through_gate(const Grouped& grouped, size_t inner, const Gating& gating, const Intermediates& intermediates, float* grad_weights) {
  for_rows(grouped.tokens.size(), inner, [&](size_t from, size_t to) {
    Scratch scratch;
    float* const own = scratch.floats(2 * inner);
    for (size_t i = from; i < to; i++) {
      float* const gate = intermediates.gate + i * inner;
      float* const up = intermediates.up + i * inner;
      float* const upstream = intermediates.grad_hidden + i * inner;
      float* const hidden = intermediates.hidden ? intermediates.hidden + i * inner : own;
      if (grad_weights || intermediates.hidden) kernels().gate(gating, gate, up, inner, hidden);
      if (grad_weights) {
        kernels().binary(Binary::multiply, hidden, false, upstream, false, inner, own + inner);
        grad_weights[grouped.choices[i]] = kernels().sum(own + inner, inner);
      }
      kernels().binary(Binary::multiply, upstream, false, &grouped.weights[i], true, inner, upstream);
      kernels().gate_back(gating, gate, up, upstream, inner, gate, up);
    }
  });
}

/** Adds what each choice asks of its token. A thread takes a few columns, and all experts for them. */
void back_to_tokens(const Experts& experts, const Grouped& grouped, const Intermediates& intermediates, Precision precision, size_t tokens,
                    float* grad_x) {
  const auto& groups = grouped.groups;
  const size_t inner = experts.gate.rows;
  const size_t width = experts.gate.columns;
  std::vector<PackedForTransposed> packed_gate = packed_for(experts.gate, grouped, precision);
  std::vector<PackedForTransposed> packed_up = packed_for(experts.up, grouped, precision);
  Scratch scratch;
  place(packed_gate, scratch);
  place(packed_up, scratch);
  pack(packed_gate, grouped, intermediates.gate, inner, nullptr);
  pack(packed_up, grouped, intermediates.up, inner, nullptr);
  size_t most = 0;
  for (const Group& group : groups) most = std::max(most, group.count());
  const Shares columns = transposed_columns(experts.gate.matrix(0));
  Pool::shared().run(columns.count, [&](size_t share) {
    const size_t from = columns.from(share);
    const size_t to = columns.to(share);
    const size_t count = to - from;
    Scratch own;
    float* const out = own.floats(most * count);
    for (size_t t = 0; t < tokens; t++) memset(grad_x + t * width + from, 0, count * sizeof *grad_x);
    for (size_t g = 0; g < groups.size(); g++) {
      const Group& group = groups[g];
      packed_gate[g].multiply(experts.gate.matrix(group.expert), from, to, false, out, count);
      packed_up[g].multiply(experts.up.matrix(group.expert), from, to, true, out, count);
      for (size_t i = 0; i < group.count(); i++) {
        float* const sum = grad_x + static_cast<size_t>(grouped.tokens[group.from + i]) * width + from;
        kernels().binary(Binary::add, sum, false, out + i * count, false, count, sum);
      }
    }
  });
}

/** Σ of `a[i]ᵀ · b[i]` over the choices of each expert: `[experts, aWidth, bWidth]`. */
void outer(const Grouped& grouped, size_t experts, const float* a, size_t a_width, const float* b, size_t b_width, float* y) {
  constexpr size_t kRows = 192;
  std::vector<IndexRange> choices(experts, IndexRange{0, 0});
  for (const Group& group : grouped.groups) choices[group.expert] = {group.from, group.to};
  const Shares rows(a_width, kRows);
  Pool::shared().run(experts * rows.count, [&](size_t i) {
    const size_t expert = i / rows.count;
    const IndexRange own = choices[expert];
    const Operand left{Dtype::float32, reinterpret_cast<const uint8_t*>(a + own.from * a_width), 1, a_width};
    const Operand right{Dtype::float32, reinterpret_cast<const uint8_t*>(b + own.from * b_width), 1, b_width};
    const IndexRange some{rows.from(i % rows.count), rows.to(i % rows.count)};
    matmul_block(left, right, own.count(), some, {0, b_width}, y + expert * a_width * b_width, b_width);
  });
}

/** The part of down's bias in the gradients of how much each choice counts. */
void bias_to_weights(const Biases& bias, const Grouped& grouped, const float* dy, float* grad_weights) {
  const size_t width = bias.size;
  for (const Group& group : grouped.groups)
    for_rows(group.count(), width, [&](size_t from, size_t to) {
      Scratch scratch;
      float* const product = scratch.floats(width);
      for (size_t i = group.from + from; i < group.from + to; i++) {
        const float* const upstream = dy + static_cast<size_t>(grouped.tokens[i]) * width;
        kernels().binary(Binary::multiply, upstream, false, bias.of(group.expert), false, width, product);
        grad_weights[grouped.choices[i]] += kernels().sum(product, width);
      }
    });
}

/** The sum of the rows of each expert's choices: `[experts, width]`. */
void sum_rows(const Grouped& grouped, size_t experts, const float* rows, size_t width, float* y) {
  std::fill_n(y, experts * width, 0.0f);
  Pool::shared().run(grouped.groups.size(), [&](size_t g) {
    const Group& group = grouped.groups[g];
    float* const sum = y + group.expert * width;
    for (size_t i = group.from; i < group.to; i++) kernels().binary(Binary::add, sum, false, rows + i * width, false, width, sum);
  });
}

/** The sum of each expert's rows of dy, times how much each choice counts. */
void sum_weighted(const Grouped& grouped, size_t experts, const float* dy, size_t width, float* y) {
  std::fill_n(y, experts * width, 0.0f);
  Pool::shared().run(grouped.groups.size(), [&](size_t g) {
    const Group& group = grouped.groups[g];
    float* const sum = y + group.expert * width;
    for (size_t i = group.from; i < group.to; i++) {
      const float* const upstream = dy + static_cast<size_t>(grouped.tokens[i]) * width;
      const float weight = grouped.weights[i];
      for (size_t n = 0; n < width; n++) sum[n] += weight * upstream[n];
    }
  });
}

/** Rows of x in the order by expert, times how much each counts where `weighted`. */
void gather(const Grouped& grouped, const float* x, size_t width, bool weighted, float* y) {
  for_rows(grouped.tokens.size(), width, [&](size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
      const float* const row = x + static_cast<size_t>(grouped.tokens[i]) * width;
      if (weighted) {
        kernels().binary(Binary::multiply, row, false, &grouped.weights[i], true, width, y + i * width);
      } else {
        memcpy(y + i * width, row, width * sizeof *y);
      }
    }
  });
}

}  // namespace

void experts_back(const Experts& experts, const Routed& routed, const float* dy, const GateOptions& options,
                  const ExpertsGradients& to) {
  const Grouped grouped(routed, experts.gate.experts);
  read_ahead(experts, grouped);
  const size_t choices = grouped.tokens.size();
  if (to.weights) std::fill_n(to.weights, routed.tokens * routed.choices, 0.0f);
  const size_t inner = experts.gate.rows;
  const size_t width = experts.gate.columns;
  const size_t count = experts.gate.experts;
  Scratch scratch;
  const auto buffer = [&] { return scratch.floats(choices * inner); };
  const Intermediates intermediates{buffer(), buffer(), buffer(), to.down ? buffer() : nullptr};
  gate_and_up(experts, grouped, routed.x, options, intermediates);
  back_through_down(experts.down, grouped, dy, options.precision, intermediates.grad_hidden);
  back_through_gate(grouped, inner, options.gating, intermediates, to.weights);
  if (to.weights && experts.down_bias.data) bias_to_weights(experts.down_bias, grouped, dy, to.weights);
  if (to.gate_bias) sum_rows(grouped, count, intermediates.gate, inner, to.gate_bias);
  if (to.up_bias) sum_rows(grouped, count, intermediates.up, inner, to.up_bias);
  if (to.down_bias) sum_weighted(grouped, count, dy, width, to.down_bias);
  if (to.x) back_to_tokens(experts, grouped, intermediates, options.precision, routed.tokens, to.x);
  if (!to.gate && !to.up && !to.down) return;
  float* const rows = scratch.floats(choices * width);
  if (to.gate || to.up) gather(grouped, routed.x, width, false, rows);
  if (to.gate) outer(grouped, count, intermediates.gate, inner, rows, width, to.gate);
  if (to.up) outer(grouped, count, intermediates.up, inner, rows, width, to.up);
  if (!to.down) return;
  gather(grouped, dy, width, true, rows);
  outer(grouped, count, rows, width, intermediates.hidden, inner, to.down);
}

}  // namespace mixtape
