import {
  add,
  gather,
  greaterEqual,
  matMul,
  maximum,
  reshape,
  scalar,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  tile,
  where,
  zerosLike,
} from "@tensorflow/tfjs-core";
import type { Gating } from "../activations/activation.js";
import { gate } from "../feed-forward/gate.js";
import { stackedTensor, type Weight } from "../storage/weight.js";
import { type ExpertStacks, type Routed, weighChoices } from "./routed.js";

/** Gathers the matrices of each choice and multiplies them as one batch. */
export function gathered({ x, indices, weights }: Routed, stacks: ExpertStacks, gating: Gating): Tensor2D {
  const [t, k] = indices.shape;
  const width = x.shape[1];
  // Nothing is read back: a choice of none (−1) runs expert 0 with weight zero.
  const chosen = maximum(reshape(indices, [t * k]), scalar(0, "int32")) as Tensor1D;
  const counted = where(greaterEqual(indices, 0), weights, zerosLike(weights));
  const times = (rows: Tensor3D, stack: Weight, bias: Tensor2D | undefined): Tensor3D => {
    const product: Tensor3D = matMul(rows, gather(stackedTensor(stack), chosen), false, stack.layout === "plain");
    return bias ? add(product, reshape(gather(bias, chosen), [t * k, 1, -1])) : product;
  };
  const rows = reshape(tile(reshape(x, [t, 1, width]), [1, k, 1]), [t * k, 1, width]) as Tensor3D;
  const inner = gate(times(rows, stacks.gate, stacks.gateBias), times(rows, stacks.up, stacks.upBias), gating);
  return weighChoices(reshape(times(inner, stacks.down, stacks.downBias), [t * k, width]) as Tensor2D, counted);
}
