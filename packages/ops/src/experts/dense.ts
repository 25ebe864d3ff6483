import { matMul, reshape, type Tensor2D, type Tensor3D, tile, transpose } from "@tensorflow/tfjs-core";
import type { Activation } from "../activations.js";
import { type GatedMlpWeights, gate } from "../gated-mlp.js";
import { oneHot } from "../one-hot.js";
import { stackedTensor, type Weight } from "../weight.js";
import { type Routed, weighChoices } from "./routed.js";

/** Runs every expert on every token, and counts those that were not chosen as zero. */
export function dense({ x, indices, weights }: Routed, stacks: GatedMlpWeights, activation: Activation): Tensor2D {
  const [t, k] = indices.shape;
  const [e] = stacks.gate.shape as [number];
  const width = x.shape[1];
  const times = (rows: Tensor3D, stack: Weight): Tensor3D =>
    matMul(rows, stackedTensor(stack), false, stack.layout === "plain");
  const rows = tile(reshape(x, [1, t, width]), [e, 1, 1]) as Tensor3D;
  const inner = gate(times(rows, stacks.gate), times(rows, stacks.up), activation);
  const byToken = transpose(times(inner, stacks.down), [1, 0, 2]) as Tensor3D;
  const choice = oneHot(indices, e) as Tensor3D;
  return weighChoices(byToken, reshape(matMul(reshape(weights, [t, 1, k]), choice), [t, e]) as Tensor2D);
}
