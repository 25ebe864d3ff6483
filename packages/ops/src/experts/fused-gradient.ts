import {
  add,
  gather,
  mul,
  reshape,
  sum,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  unsortedSegmentSum,
} from "@tensorflow/tfjs-core";
import { gradientsOf } from "../autodiff/gradients.js";
import type { OpGradient } from "../autodiff/op.js";
import { gate } from "../feed-forward/gate.js";
import type { ExpertsAttributes, ExpertsInputs } from "./contract.js";
import { groupedGradWeight, groupedMatMul } from "./grouped-matmul.js";
import { int32, sortRows, unsortRows } from "./sorted-rows.js";

/**
 * Gradient of routed experts whose stacks are one tensor each, on an engine that reads back at once. Sorts the choices of tokens
 * by expert, so that each expert multiplies its own: only experts with tokens are read.
 */
export const gradientByGroups: OpGradient<ExpertsInputs, ExpertsAttributes> = (
  inputs,
  { gating, transposed },
  [dy],
  wanted,
) => {
  const { x, indices, weights } = inputs;
  const [t, k] = indices.shape;
  const experts = inputs.gate.shape[0];
  const sorted = sortRows(indices.dataSync() as Int32Array, experts, "experts");
  const { order, offsets } = sorted;
  if (order.length === 0) return {};
  const tokens = int32(order.map((choice) => Math.floor(choice / k)));
  const ids = int32(sorted.matrices);
  const [rows, upstream] = [gather(x, tokens), gather(dy as Tensor2D, tokens)] as [Tensor2D, Tensor2D];
  const weight = gather(reshape(weights, [t * k, 1]), int32(order)) as Tensor2D;
  const times = (a: Tensor2D, stack: Tensor3D, bias: Tensor2D | undefined): Tensor2D => {
    const product = groupedMatMul({ x: a, stack }, { offsets, transposed });
    return bias ? add(product, gather(bias, ids)) : product;
  };
  const back = (a: Tensor2D, stack: Tensor3D): Tensor2D =>
    groupedMatMul({ x: a, stack }, { offsets, transposed: !transposed });
  const outer = (a: Tensor2D, b: Tensor2D): Tensor3D =>
    groupedGradWeight(transposed ? { a: b, b: a } : { a, b }, { offsets });
  const byExpert = (a: Tensor2D): Tensor2D => unsortedSegmentSum(a, ids as Tensor1D, experts);

  const [a, b] = [times(rows, inputs.gate, inputs.gateBias), times(rows, inputs.up, inputs.upBias)];
  const inner = gate(a, b, gating);
  const gradInner = back(upstream, inputs.down);
  const dInner = mul(gradInner, weight);
  const [da, db] = gradientsOf(() => gate(a, b, gating), [a, b], dInner) as [Tensor2D, Tensor2D];
  /** Reorders from the order of experts to that of choices. */
  const unsorted = (a: Tensor2D): Tensor3D => reshape(unsortRows(a, sorted), [t, k, a.shape[1]]);
  /** `dy · MLP(x)` for each choice. */
  const gradWeight = (): Tensor2D => {
    const ofProduct = sum(mul(inner, gradInner), 1, true) as Tensor2D;
    return inputs.downBias ? add(ofProduct, sum(mul(upstream, gather(inputs.downBias, ids)), 1, true)) : ofProduct;
  };
  return {
    ...(wanted.has("x") && { x: sum(unsorted(add(back(da, inputs.gate), back(db, inputs.up))), 1) as Tensor2D }),
    ...(wanted.has("weights") && { weights: reshape(unsorted(gradWeight()), [t, k]) as Tensor2D }),
    ...(wanted.has("gate") && { gate: outer(da, rows) }),
    ...(wanted.has("up") && { up: outer(db, rows) }),
    ...(wanted.has("down") && { down: outer(mul(upstream, weight), inner) }),
    ...(wanted.has("gateBias") && { gateBias: byExpert(da) }),
    ...(wanted.has("upBias") && { upBias: byExpert(db) }),
    ...(wanted.has("downBias") && { downBias: byExpert(mul(upstream, weight)) }),
  };
};
