// gatedMlp, experts, expertsBack

#include <algorithm>
#include <vector>

#include "bind/args.h"
#include "bind/exports.h"
#include "ops/experts.h"
#include "ops/gated_mlp.h"

namespace mixtape {
namespace {

/** As many numbers as that, or null for none. */
float* floats_or_none(const Args& args, size_t index, const char* name, size_t length) {
  return args.absent(index) ? nullptr : args.floats(index, name, length);
}

/**
 * gatedMlp(out, x, gate, up, down, gateBias | null, upBias | null, downBias | null, width, inner, gating, precision): out and x are
 * [tokens, width]
 */
void gated_mlp_of(const Args& args) {
  const size_t width = args.count(8, "width", 1);
  const size_t inner = args.count(9, "inner");
  const auto x = args.floats(1, "x");
  const size_t tokens = x.length / width;
  args.require(tokens * width == x.length, "x as whole rows of `width`");
  float* const out = args.floats(0, "out", x.length);
  const GatedMlp mlp{args.matrix(2, "gate", inner, width), args.matrix(3, "up", inner, width),
                     args.matrix(4, "down", width, inner),
                     {floats_or_none(args, 5, "gateBias", inner), floats_or_none(args, 6, "upBias", inner)},
                     floats_or_none(args, 7, "downBias", width)};
  const GateOptions options{args.gating(10), args.precision(11)};
  if (tokens > 0) gated_mlp(mlp, x.data, tokens, options, out);
}

/** A stack of that shape: a weight of as many parts, or as many float32 numbers. */
Stack stack(const Args& args, size_t index, const char* name, size_t experts, size_t rows,
            size_t columns) {
  const size_t size = args.product(experts, args.product(rows, columns));
  if (args.is_array(index)) {
    const float* const values = args.floats(index, name, size);
    return {Dtype::float32, experts, rows, columns, nullptr, reinterpret_cast<const uint8_t*>(values)};
  }
  const Weight& weight = args.weight(index, name);
  if (weight.parts.size() != experts || weight.rows != rows || weight.columns != columns) {
    const auto shape = [](size_t count, size_t m, size_t n) {
      return std::to_string(count) + " × [" + std::to_string(m) + ", " + std::to_string(n) + "]";
    };
    args.fail(std::string(name) + " as " + shape(experts, rows, columns),
              shape(weight.parts.size(), weight.rows, weight.columns));
  }
  return {weight.dtype, experts, rows, columns, weight.parts.data(), nullptr, weight.scales.empty() ? nullptr : weight.scales.data(),
          weight.cached.get()};
}

/** Stacks and biases of experts, from the argument `first` on: gate, up, down, gateBias | null, upBias | null, downBias | null. */
Experts experts_from(const Args& args, size_t first, size_t count, size_t width, size_t inner) {
  const auto bias = [&](size_t index, const char* name, size_t size) {
    return Biases{floats_or_none(args, first + index, name, args.product(count, size)), size};
  };
  return {stack(args, first, "gate", count, inner, width), stack(args, first + 1, "up", count, inner, width),
          stack(args, first + 2, "down", count, width, inner), bias(3, "gateBias", inner), bias(4, "upBias", inner),
          bias(5, "downBias", width)};
}

/**
 * experts(out, x, indices, weights, gate, up, down, gateBias | null, upBias | null, downBias | null, count, width, inner, gating,
 * precision): out and x are [tokens, width], indices (−1 for none) and weights [tokens, choices]
 */
void experts_of(const Args& args) {
  const size_t count = args.count(10, "count");
  const size_t width = args.count(11, "width", 1);
  const size_t inner = args.count(12, "inner");
  const auto x = args.floats(1, "x");
  const size_t tokens = x.length / width;
  args.require(tokens > 0 && tokens * width == x.length, "x as whole rows of `width`, one at least");
  float* const out = args.floats(0, "out", x.length);
  const auto given = args.ints(2, "indices");
  const size_t choices = given.length / tokens;
  args.require(choices * tokens == given.length, "indices as many whole rows as x");
  // Copied, since `out` may share the memory.
  std::vector<int32_t> indices(given.data, given.data + given.length);
  args.check_indices_or_none({indices.data(), indices.size()}, count, "indices");
  const float* const weights = args.floats(3, "weights", given.length);
  const Experts experts = experts_from(args, 4, count, width, inner);
  const GateOptions options{args.gating(13), args.precision(14)};
  if (inner == 0) {
    // Sums of nothing. Matrices of no numbers say nothing of `count` either.
    args.require(!experts.down_bias.data, "no bias of down where there is no inner width");
    std::fill_n(out, x.length, 0.0f);
    return;
  }
  mixtape::experts(experts, {x.data, indices.data(), weights, tokens, choices}, options, out);
}

/**
 * expertsBack(gradX | null, gradWeights | null, gradGate | null, gradUp | null, gradDown | null, gradGateBias | null, gradUpBias | null,
 * gradDownBias | null, x, indices, weights, dy, gate, up, down, gateBias | null, upBias | null, downBias | null, [count, width, inner,
 * precision], gating): gradX, x and dy are [tokens, width], indices and weights [tokens, choices]
 */
void experts_back_of(const Args& args) {
  const auto shape = args.ints(18, "shape");
  args.require(shape.length == 4, "a shape of four numbers");
  const auto number = [&](size_t i, int32_t least, int32_t most) {
    args.require(shape.data[i] >= least && shape.data[i] <= most, "a shape of numbers in their ranges");
    return static_cast<size_t>(shape.data[i]);
  };
  const size_t count = number(0, 1, INT32_MAX), width = number(1, 1, INT32_MAX), inner = number(2, 1, INT32_MAX);
  const GateOptions options{args.gating(19), static_cast<Precision>(number(3, 0, 1))};
  const auto x = args.floats(8, "x");
  const size_t tokens = x.length / width;
  args.require(tokens > 0 && tokens * width == x.length, "x as whole rows of `width`, one at least");
  const auto given = args.ints(9, "indices");
  const size_t choices = given.length / tokens;
  args.require(choices * tokens == given.length, "indices as many whole rows as x");
  // Copied, since the outputs may share the memory.
  std::vector<int32_t> indices(given.data, given.data + given.length);
  args.check_indices_or_none({indices.data(), indices.size()}, count, "indices");
  const float* const weights = args.floats(10, "weights", given.length);
  const float* const dy = args.floats(11, "dy", x.length);
  const Experts experts = experts_from(args, 12, count, width, inner);
  const size_t size = args.product(count, args.product(inner, width));
  const auto wanted = [&](size_t index, const char* name, size_t length) { return floats_or_none(args, index, name, length); };
  const ExpertsGradients to{wanted(0, "gradX", x.length),
                            wanted(1, "gradWeights", given.length),
                            wanted(2, "gradGate", size),
                            wanted(3, "gradUp", size),
                            wanted(4, "gradDown", size),
                            wanted(5, "gradGateBias", args.product(count, inner)),
                            wanted(6, "gradUpBias", args.product(count, inner)),
                            wanted(7, "gradDownBias", args.product(count, width))};
  mixtape::experts_back(experts, {x.data, indices.data(), weights, tokens, choices}, dy, options, to);
}

}  // namespace

void export_mlp(Napi::Object exports) {
  export_capturable(exports, "gatedMlp", gated_mlp_of);
  export_capturable(exports, "experts", experts_of);
  export_capturable(exports, "expertsBack", experts_back_of);
}

}  // namespace mixtape
