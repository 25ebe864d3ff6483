// rmsNorm, rmsNormBack, crossEntropy, crossEntropyBack, rotary, gate, gateBack, embedding, chooseExperts, topKIndices, takeAlongAxis

#include "ops/rows.h"

#include "bind/args.h"
#include "bind/exports.h"
#include "ops/choose_experts.h"

namespace mixtape {
namespace {

/** rmsNorm(out, x, scale, residual | null, eps): rows as long as the scale */
void rms_norm_of(const Args& args) {
  const auto x = args.floats(1, "x");
  float* const out = args.floats(0, "out", x.length);
  const auto scale = args.floats(2, "scale");
  const float* const residual = args.absent(3) ? nullptr : args.floats(3, "residual", x.length);
  const size_t rows = scale.length > 0 ? x.length / scale.length : 0;
  args.require(rows * scale.length == x.length, "x as whole rows as long as the scale");
  rms_norm(x.data, scale.data, residual, rows, scale.length, static_cast<float>(args.number(4, "eps")), out);
}

/** rmsNormBack(gradX | null, gradScale | null, x, scale, dy, eps): rows as long as the scale */
void rms_norm_back_of(const Args& args) {
  const auto x = args.floats(2, "x");
  const auto scale = args.floats(3, "scale");
  const float* const dy = args.floats(4, "dy", x.length);
  float* const grad_x = args.absent(0) ? nullptr : args.floats(0, "gradX", x.length);
  float* const grad_scale = args.absent(1) ? nullptr : args.floats(1, "gradScale", scale.length);
  const size_t rows = scale.length > 0 ? x.length / scale.length : 0;
  args.require(rows * scale.length == x.length, "x as whole rows as long as the scale");
  rms_norm_back(x.data, scale.data, dy, rows, scale.length, static_cast<float>(args.number(5, "eps")), grad_x, grad_scale);
}

/** Returns the width of the rows of logits, each with a target column. */
size_t vocabulary_of(const Args& args, Span<float> logits, Span<int32_t> targets) {
  args.require(targets.length > 0 && logits.length > 0 && logits.length % targets.length == 0, "a row of logits for each target");
  const size_t width = logits.length / targets.length;
  args.check_indices(targets, width, "targets");
  return width;
}

/** crossEntropy(out, logits, targets): out has a number for each target */
void cross_entropy_of(const Args& args) {
  const auto logits = args.floats(1, "logits");
  const auto targets = args.ints(2, "targets");
  const size_t width = vocabulary_of(args, logits, targets);
  const Span<float> out{args.floats(0, "out", targets.length), targets.length};
  args.check_disjoint(targets, out, "targets and out");
  cross_entropy(logits.data, targets.data, targets.length, width, out.data);
}

/** crossEntropyBack(out, logits, targets, dy): out as the logits, dy as the targets */
void cross_entropy_back_of(const Args& args) {
  const auto logits = args.floats(1, "logits");
  const auto targets = args.ints(2, "targets");
  const size_t width = vocabulary_of(args, logits, targets);
  const float* const dy = args.floats(3, "dy", targets.length);
  const Span<float> out{args.floats(0, "out", logits.length), logits.length};
  args.check_disjoint(targets, out, "targets and out");
  cross_entropy_back(logits.data, targets.data, dy, targets.length, width, out.data);
}

/** rotary(out, x, cos, sin, length, width, rotaryDim, interleaved): x is […, length, width], the tables [tables, length, rotaryDim] */
void rotary_of(const Args& args) {
  const auto x = args.floats(1, "x");
  float* const out = args.floats(0, "out", x.length);
  const auto cos = args.floats(2, "cos");
  const float* const sin = args.floats(3, "sin", cos.length);
  const size_t length = args.count(4, "length");
  const size_t width = args.count(5, "width");
  const size_t rotary_dim = args.count(6, "rotaryDim", 0, width);
  args.require(rotary_dim % 2 == 0, "rotaryDim as an even number");
  const Pairs pairs = args.boolean(7, "interleaved") ? Pairs::interleaved : Pairs::halves;
  if (x.length == 0) return;
  const size_t block = args.product(length, width);
  const size_t table = args.product(length, rotary_dim);
  const size_t tables = table > 0 ? cos.length / table : 1;
  args.require(tables > 0 && tables * table == cos.length, "whole tables [length, rotaryDim]");
  const size_t heads = block > 0 ? x.length / block / tables : 0;
  args.require(heads * tables * block == x.length, "x as as many whole [length, width] for each table");
  rotary(x.data, cos.data, sin, {tables, heads, length, width, rotary_dim, pairs}, out);
}

/** gate(out, gate, up, gating) */
void gate_of(const Args& args) {
  const auto out = args.floats(0, "out");
  const float* const gated = args.floats(1, "gate", out.length);
  const float* const up = args.floats(2, "up", out.length);
  gate(args.gating(3), gated, up, out.length, out.data);
}

/** gateBack(gradGate, gradUp, gate, up, dy, gating) */
void gate_back_of(const Args& args) {
  const auto grad_gate = args.floats(0, "gradGate");
  float* const grad_up = args.floats(1, "gradUp", grad_gate.length);
  const float* const gated = args.floats(2, "gate", grad_gate.length);
  const float* const up = args.floats(3, "up", grad_gate.length);
  const float* const dy = args.floats(4, "dy", grad_gate.length);
  gate_back(args.gating(5), gated, up, dy, grad_gate.length, grad_gate.data, grad_up);
}

/** embedding(out, ids, weight, rows): the weight is [rows, width], as many numbers as out has for each id */
void embedding_of(const Args& args) {
  const auto out = args.floats(0, "out");
  const auto ids = args.ints(1, "ids");
  const size_t rows = args.count(3, "rows");
  if (ids.length == 0) return;
  const size_t width = out.length / ids.length;
  args.require(width * ids.length == out.length, "out as a whole row for each id");
  const Matrix table = args.matrix(2, "weight", rows, width);
  args.check_indices(ids, rows, "ids");
  args.check_disjoint(ids, out, "ids and out");
  embedding(table, ids.data, ids.length, out.data);
}

/**
 * chooseExperts(indices, weights, logits, bias | null, experts, k, softmax, normalize, scale): logits are [tokens, experts],
 * indices and weights [tokens, k]
 */
void choose_experts_of(const Args& args) {
  const auto logits = args.floats(2, "logits");
  const size_t experts = args.count(4, "experts", 1, INT32_MAX);
  const size_t k = args.count(5, "k", 1, experts);
  const size_t tokens = logits.length / experts;
  args.require(tokens * experts == logits.length, "logits as whole rows of `experts`");
  int32_t* const indices = args.ints(0, "indices", tokens * k);
  float* const weights = args.floats(1, "weights", tokens * k);
  args.check_disjoint(Span<int32_t>{indices, tokens * k}, Span<float>{weights, tokens * k}, "indices and weights");
  const float* const bias = args.absent(3) ? nullptr : args.floats(3, "bias", experts);
  const RoutingSpec spec{experts, k, args.boolean(6, "softmax"), args.boolean(7, "normalize"),
                            static_cast<float>(args.number(8, "scale"))};
  choose_experts(logits.data, bias, tokens, spec, indices, weights);
}

/** topKIndices(out, scores, width, k): out is int32 [rows, k], scores [rows, width] */
void top_k_indices_of(const Args& args) {
  const auto scores = args.floats(1, "scores");
  const size_t width = args.count(2, "width", 1, INT32_MAX);
  const size_t k = args.count(3, "k", 1, width);
  const size_t rows = scores.length / width;
  args.require(rows * width == scores.length, "scores as whole rows of `width`");
  top_k_indices(scores.data, rows, width, k, args.ints(0, "out", rows * k));
}

/** takeAlongAxis(out, x, indices, width, k): out and the indices are [rows, k], x [rows, width] */
void take_along_axis_of(const Args& args) {
  const auto indices = args.ints(2, "indices");
  const size_t width = args.count(3, "width");
  const size_t k = args.count(4, "k", 1);
  const size_t rows = indices.length / k;
  args.require(rows * k == indices.length, "indices as whole rows of `k`");
  float* const out = args.floats(0, "out", indices.length);
  const float* const x = args.floats(1, "x", args.product(rows, width));
  args.check_indices(indices, width, "indices");
  args.check_disjoint(indices, Span<float>{out, indices.length}, "indices and out");
  take_along_axis(x, indices.data, rows, width, k, out);
}

}  // namespace

void export_rows(Napi::Object exports) {
  export_capturable(exports, "rmsNorm", rms_norm_of);
  export_capturable(exports, "rmsNormBack", rms_norm_back_of);
  export_capturable(exports, "crossEntropy", cross_entropy_of);
  export_capturable(exports, "crossEntropyBack", cross_entropy_back_of);
  export_capturable(exports, "rotary", rotary_of);
  export_capturable(exports, "gate", gate_of);
  export_capturable(exports, "gateBack", gate_back_of);
  export_capturable(exports, "embedding", embedding_of);
  export_capturable(exports, "chooseExperts", choose_experts_of);
  export_capturable(exports, "topKIndices", top_k_indices_of);
  export_capturable(exports, "takeAlongAxis", take_along_axis_of);
}

}  // namespace mixtape
