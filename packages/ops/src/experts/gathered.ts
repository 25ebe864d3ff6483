import { gather, matMul, reshape, type Tensor2D, type Tensor3D, tile } from "@tensorflow/tfjs-core";
import type { Activation } from "../activations.js";
import { type GatedMlpWeights, gate } from "../gated-mlp.js";
import { stackedTensor, type Weight } from "../weight.js";
import { type Routed, weighChoices } from "./routed.js";

/** Gathers the matrices of each choice and multiplies them as one batch. */
export function gathered({ x, indices, weights }: Routed, stacks: GatedMlpWeights, activation: Activation): Tensor2D {
  const [t, k] = indices.shape;
  const width = x.shape[1];
  const chosen = reshape(indices, [t * k]);
  const times = (rows: Tensor3D, stack: Weight): Tensor3D =>
    matMul(rows, gather(stackedTensor(stack), chosen), false, stack.layout === "plain");
  const rows = reshape(tile(reshape(x, [t, 1, width]), [1, k, 1]), [t * k, 1, width]) as Tensor3D;
  const inner = gate(times(rows, stacks.gate), times(rows, stacks.up), activation);
  return weighChoices(reshape(times(inner, stacks.down), [t * k, width]) as Tensor2D, weights);
}
