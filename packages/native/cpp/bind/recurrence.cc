// gatedDeltaRule, causalConvolution

#include "ops/recurrence.h"

#include "bind/args.h"
#include "bind/exports.h"

namespace mixtape {
namespace {

/**
 * gatedDeltaRule(output, next, q, k, v, g, beta, state | null, [rows, length, groups, heads, key width, value width], scale,
 * eps | null): shapes as ops/recurrence.h has them
 */
void gated_delta_rule_of(const Args& args) {
  const auto shape = args.ints(8, "shape");
  args.require(shape.length == 6, "a shape of six numbers");
  for (size_t i = 0; i < 6; i++) args.require(shape.data[i] >= 1, "a shape of at least 1 in each axis");
  const auto axis = [&](size_t i) { return static_cast<size_t>(shape.data[i]); };
  const size_t rows = axis(0), length = axis(1), groups = axis(2), heads = axis(3), key_width = axis(4), value_width = axis(5);
  args.require(heads % groups == 0, "heads as a multiple of groups");
  const size_t tokens = args.product(rows, length);
  const size_t keys = args.product(args.product(tokens, groups), key_width);
  const size_t gates = args.product(tokens, heads), values = args.product(gates, value_width);
  const size_t states = args.product(args.product(rows, heads), args.product(key_width, value_width));
  const DeltaRule rule{args.floats(2, "q", keys),
                       args.floats(3, "k", keys),
                       args.floats(4, "v", values),
                       args.floats(5, "g", gates),
                       args.floats(6, "beta", gates),
                       args.absent(7) ? nullptr : args.floats(7, "state", states),
                       rows,
                       length,
                       groups,
                       heads,
                       key_width,
                       value_width,
                       static_cast<float>(args.number(9, "scale")),
                       args.absent(10) ? -1.0f : static_cast<float>(args.number(10, "eps"))};
  gated_delta_rule(rule, args.floats(0, "output", values), args.floats(1, "next", states));
}

/** causalConvolution(y, next, x, weight, past | null, rows, length, width, taps): shapes as ops/recurrence.h has them */
void causal_convolution_of(const Args& args) {
  const size_t rows = args.count(5, "rows"), length = args.count(6, "length"), width = args.count(7, "width");
  const size_t taps = args.count(8, "taps", 1);
  const size_t all = args.product(args.product(rows, length), width), before = args.product(args.product(rows, taps - 1), width);
  const Convolution convolution{args.floats(2, "x", all), args.floats(3, "weight", args.product(width, taps)),
                                args.absent(4) ? nullptr : args.floats(4, "past", before), rows, length, width, taps};
  causal_convolution(convolution, args.floats(0, "y", all), args.floats(1, "next", before));
}

}  // namespace

void export_recurrence(Napi::Object exports) {
  export_capturable(exports, "gatedDeltaRule", gated_delta_rule_of);
  export_capturable(exports, "causalConvolution", causal_convolution_of);
}

}  // namespace mixtape
