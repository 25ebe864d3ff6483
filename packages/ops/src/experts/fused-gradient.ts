import {
  add,
  gather,
  mul,
  reshape,
  sum,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  tensor1d,
} from "@tensorflow/tfjs-core";
import { gate } from "../gated-mlp.js";
import type { OpGradient } from "../op.js";
import { gradientsOf } from "../tape.js";
import type { ExpertsAttributes, ExpertsInputs } from "./contract.js";
import { groupedMatMul, groupedOuter, type Offsets } from "./grouped-products.js";

/**
 * The gradient of routed experts whose stacks are one tensor each, on an engine that is read back at once. The choices of tokens
 * are sorted by expert, and each expert meets its own: only experts that were routed to are read.
 */
export const gradientByGroups: OpGradient<ExpertsInputs, ExpertsAttributes> = (
  inputs,
  { activation, transposed },
  [dy],
  wanted,
) => {
  const { x, indices, weights } = inputs;
  const [t, k] = indices.shape;
  const { order, offsets } = sortByExpert(indices.dataSync() as Int32Array, inputs.gate.shape[0]);
  const tokens = ints(order.map((choice) => Math.floor(choice / k)));
  const [rows, above] = [gather(x, tokens), gather(dy as Tensor2D, tokens)] as [Tensor2D, Tensor2D];
  const weight = gather(reshape(weights, [t * k, 1]), ints(order)) as Tensor2D;
  const times = (a: Tensor2D, stack: Tensor3D): Tensor2D => groupedMatMul({ x: a, stack }, { offsets, transposed });
  const back = (a: Tensor2D, stack: Tensor3D): Tensor2D =>
    groupedMatMul({ x: a, stack }, { offsets, transposed: !transposed });
  const outer = (a: Tensor2D, b: Tensor2D): Tensor3D =>
    groupedOuter(transposed ? { a: b, b: a } : { a, b }, { offsets });

  const [a, b] = [times(rows, inputs.gate), times(rows, inputs.up)];
  const inner = gate(a, b, activation);
  const byInner = back(above, inputs.down);
  const dInner = mul(byInner, weight);
  const [da, db] = gradientsOf(() => gate(a, b, activation), [a, b], dInner) as [Tensor2D, Tensor2D];
  /** Back from the order of experts to that of choices. */
  const unsorted = (sorted: Tensor2D): Tensor3D => {
    const place = new Int32Array(t * k);
    order.forEach((choice, row) => {
      place[choice] = row;
    });
    return reshape(gather(sorted, ints(place)), [t, k, sorted.shape[1]]);
  };
  return {
    ...(wanted.has("x") && { x: sum(unsorted(add(back(da, inputs.gate), back(db, inputs.up))), 1) as Tensor2D }),
    ...(wanted.has("weights") && {
      weights: reshape(unsorted(sum(mul(inner, byInner), 1, true) as Tensor2D), [t, k]) as Tensor2D,
    }),
    ...(wanted.has("gate") && { gate: outer(da, rows) }),
    ...(wanted.has("up") && { up: outer(db, rows) }),
    ...(wanted.has("down") && { down: outer(mul(above, weight), inner) }),
  };
};

/** The choices, first those of expert 0, and where those of each begin. */
function sortByExpert(indices: Int32Array, experts: number): { order: Int32Array; offsets: Offsets } {
  const offsets = new Array<number>(experts + 1).fill(0);
  for (const expert of indices) offsets[expert + 1]!++;
  for (let e = 0; e < experts; e++) offsets[e + 1]! += offsets[e]!;
  const next = [...offsets];
  const order = new Int32Array(indices.length);
  indices.forEach((expert, choice) => {
    order[next[expert]!++] = choice;
  });
  return { order, offsets };
}

function ints(values: Int32Array): Tensor1D {
  return tensor1d(values, "int32");
}
