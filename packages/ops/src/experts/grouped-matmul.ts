import {
  concat,
  fill,
  matMul,
  reshape,
  slice,
  stack,
  type Tensor2D,
  type Tensor3D,
  transpose,
} from "@tensorflow/tfjs-core";
import { defineOp } from "../autodiff/op.js";

/** First row of each matrix, and the end: rows `offsets[e]` to below `offsets[e + 1]` belong to matrix e. */
export type Offsets = readonly number[];

export type GroupedMatMulInputs = { x: Tensor2D; stack: Tensor3D };
export type GroupedMatMulAttributes = { offsets: Offsets; transposed: boolean };
export type GroupedOuterInputs = { a: Tensor2D; b: Tensor2D };
export type GroupedOuterAttributes = { offsets: Offsets };

const runMatMul = defineOp({
  kernel: "MixtapeGroupedMatMul",
  compose: ({ x, stack }: GroupedMatMulInputs, { offsets, transposed }: GroupedMatMulAttributes): Tensor2D => {
    const [, rows, columns] = stack.shape;
    const products = groupsOf(offsets).map(({ group, start, size }) => {
      const matrix: Tensor2D = reshape(slice(stack, [group, 0, 0], [1, rows, columns]), [rows, columns]);
      return matMul(slice(x, [start, 0], [size, -1]), matrix, false, !transposed) as Tensor2D;
    });
    return products.length === 1 ? products[0]! : concat(products, 0);
  },
  gradient: ({ x, stack }, { offsets, transposed }, [dy], wanted) => {
    const above = dy as Tensor2D;
    return {
      ...(wanted.has("x") && { x: groupedMatMul({ x: above, stack }, { offsets, transposed: !transposed }) }),
      ...(wanted.has("stack") && {
        stack: groupedGradWeight(transposed ? { a: x, b: above } : { a: above, b: x }, { offsets }),
      }),
    };
  },
});

/**
 * Grouped GEMM: multiplies each row by the matrix of its group, `stack[e] · x[n]`, or `stack[e]ᵀ · x[n]` if `transposed`.
 *
 * Fused kernel: `MixtapeGroupedMatMul`, inputs `x` `[N, in]`, `stack` `[E, out, in]` (`[E, in, out]` if `transposed`), attributes
 * `offsets` (E + 1 numbers that rise from 0 to N), `transposed`. It returns `[N, out]`.
 */
export function groupedMatMul(inputs: GroupedMatMulInputs, attributes: GroupedMatMulAttributes): Tensor2D {
  return runMatMul(inputs, attributes);
}

/**
 * Gradient of a grouped GEMM with respect to its stack: the sum of the outer products of each group's rows, `Σ_n a[n]ᵀ · b[n]`;
 * zero for a group without rows.
 *
 * Fused kernel: `MixtapeGroupedGradWeight`, inputs `a` `[N, out]`, `b` `[N, in]`, attribute `offsets` (E + 1 numbers that rise
 * from 0 to N). It returns `[E, out, in]`.
 */
export function groupedGradWeight(inputs: GroupedOuterInputs, attributes: GroupedOuterAttributes): Tensor3D {
  return runOuter(inputs, attributes);
}

const runOuter = defineOp({
  kernel: "MixtapeGroupedGradWeight",
  compose: ({ a, b }: GroupedOuterInputs, { offsets }: GroupedOuterAttributes): Tensor3D => {
    const shape: [number, number] = [a.shape[1], b.shape[1]];
    const products = Array.from({ length: offsets.length - 1 }, () => undefined as Tensor2D | undefined);
    for (const { group, start, size } of groupsOf(offsets))
      products[group] = matMul(transpose(slice(a, [start, 0], [size, -1])), slice(b, [start, 0], [size, -1]));
    return stack(products.map((product) => product ?? (fill(shape, 0) as Tensor2D))) as Tensor3D;
  },
});

/** Returns the groups that have rows. */
function groupsOf(offsets: Offsets): { group: number; start: number; size: number }[] {
  return offsets.slice(0, -1).flatMap((start, group) => {
    const size = offsets[group + 1]! - start;
    return size > 0 ? [{ group, start, size }] : [];
  });
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeGroupedMatMul: FusedKernel<GroupedMatMulInputs, GroupedMatMulAttributes>;
    readonly MixtapeGroupedGradWeight: FusedKernel<GroupedOuterInputs, GroupedOuterAttributes>;
  }
}
