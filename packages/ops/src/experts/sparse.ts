import { concat, gather, reshape, slice, type Tensor1D, type Tensor2D, zeros } from "@tensorflow/tfjs-core";
import type { Gating } from "../activations/activation.js";
import { gate } from "../feed-forward/gate.js";
import { BIASES, type GatedMlpWeights, gatedMlp } from "../feed-forward/gated-mlp.js";
import { isApart, matrixAt } from "../storage/weight.js";
import { sortedLinear } from "./grouped-linear.js";
import { type ExpertStacks, type Routed, weighChoices } from "./routed.js";
import { int32, type SortedRows, sortRows, unsortRows } from "./sorted-rows.js";

/** Reads the indices back, and runs each chosen expert on its tokens. */
export function sparse({ x, indices, weights }: Routed, stacks: ExpertStacks, gating: Gating): Tensor2D {
  const [t, k] = indices.shape;
  const sorted = sortRows(indices.dataSync() as Int32Array, stacks.gate.shape[0]!, "experts");
  if (sorted.order.length === 0) return zeros([t, x.shape[1]]);
  if (t === 1 && isApart(stacks.gate)) return oneToken({ x, indices, weights }, sorted, stacks, gating);
  const tokens = sorted.order.map((choice) => Math.floor(choice / k));
  const outputs = isApart(stacks.gate)
    ? apart(x, tokens, sorted, stacks, gating)
    : together(gather(x, int32(tokens)), sorted, stacks, gating);
  return weighChoices(unsortRows(outputs, sorted), weights);
}

/** Runs one gated MLP after the other: experts that are stored apart are multiplied in place. */
function apart(
  x: Tensor2D,
  tokens: Int32Array,
  { offsets }: SortedRows,
  stacks: ExpertStacks,
  gating: Gating,
): Tensor2D {
  const outputs = offsets.slice(0, -1).flatMap((start, expert) => {
    const end = offsets[expert + 1]!;
    if (start === end) return [];
    return [gatedMlp(gather(x, int32(tokens.slice(start, end))), weightsOf(stacks, expert), gating)];
  });
  return outputs.length === 1 ? outputs[0]! : concat(outputs, 0);
}

/** Runs the experts of a single token in the order of its choices, without sorting. */
function oneToken(
  { x, weights }: Routed,
  { rows, order, matrices }: SortedRows,
  stacks: ExpertStacks,
  gating: Gating,
): Tensor2D {
  const choices = [...order.keys()].sort((a, b) => order[a]! - order[b]!);
  const outputs = choices.map((at) => gatedMlp(x, weightsOf(stacks, matrices[at]!), gating));
  const chosen = order.length === rows ? weights : gather(weights, int32(order.slice().sort()), 1);
  return weighChoices(outputs.length === 1 ? outputs[0]! : concat(outputs, 0), chosen);
}

/** Runs all experts as one grouped GEMM each for gate, up and down, without slicing stacks that are one tensor. */
function together(rows: Tensor2D, sorted: SortedRows, stacks: ExpertStacks, gating: Gating): Tensor2D {
  const a = sortedLinear(rows, stacks.gate, sorted, stacks.gateBias);
  const b = sortedLinear(rows, stacks.up, sorted, stacks.upBias);
  return sortedLinear(gate(a, b, gating), stacks.down, sorted, stacks.downBias);
}

function weightsOf(stacks: ExpertStacks, expert: number): GatedMlpWeights {
  const biases = BIASES.flatMap((name) => {
    const bias = stacks[name];
    return bias ? [[name, reshape(slice(bias, [expert, 0], [1, -1]), [-1]) as Tensor1D] as const] : [];
  });
  return {
    gate: matrixAt(stacks.gate, expert),
    up: matrixAt(stacks.up, expert),
    down: matrixAt(stacks.down, expert),
    ...Object.fromEntries(biases),
  };
}
