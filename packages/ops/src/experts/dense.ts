import { add, expandDims, matMul, reshape, type Tensor2D, type Tensor3D, tile, transpose } from "@tensorflow/tfjs-core";
import type { Gating } from "../activations/activation.js";
import { gate } from "../feed-forward/gate.js";
import { oneHot } from "../math/one-hot.js";
import { stackedTensor, type Weight } from "../storage/weight.js";
import { type ExpertStacks, type Routed, weighChoices } from "./routed.js";

/** Runs every expert on every token, with weight 0 for those that were not chosen. */
export function dense({ x, indices, weights }: Routed, stacks: ExpertStacks, gating: Gating): Tensor2D {
  const [t, k] = indices.shape;
  const [e] = stacks.gate.shape as [number];
  const width = x.shape[1];
  const times = (rows: Tensor3D, stack: Weight, bias: Tensor2D | undefined): Tensor3D => {
    const product: Tensor3D = matMul(rows, stackedTensor(stack), false, stack.layout === "plain");
    return bias ? add(product, expandDims(bias, 1)) : product;
  };
  const rows = tile(reshape(x, [1, t, width]), [e, 1, 1]) as Tensor3D;
  const inner = gate(times(rows, stacks.gate, stacks.gateBias), times(rows, stacks.up, stacks.upBias), gating);
  const byToken = transpose(times(inner, stacks.down, stacks.downBias), [1, 0, 2]) as Tensor3D;
  // An index of -1 is a row of zeros.
  const choice = oneHot(indices, e) as Tensor3D;
  return weighChoices(byToken, reshape(matMul(reshape(weights, [t, 1, k]), choice), [t, e]) as Tensor2D);
}
