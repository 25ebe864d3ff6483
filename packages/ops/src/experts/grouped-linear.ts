import {
  add,
  concat,
  gather,
  greaterEqual,
  matMul,
  maximum,
  mul,
  reshape,
  scalar,
  slice,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  tidy,
  zeros,
} from "@tensorflow/tfjs-core";
import { engineTraits } from "../engines/engines.js";
import { OpsError } from "../errors.js";
import { runLinear } from "../linear/linear.js";
import { stackedTensor, type Weight } from "../storage/weight.js";
import { groupedMatMul } from "./grouped-matmul.js";
import { int32, type SortedRows, sortRows, unsortRows } from "./sorted-rows.js";

/** Matrix of a stack that each of N rows is multiplied by. */
export interface RowGroups {
  /** int32 `[N]`, −1 for none */
  readonly ids: Tensor1D;
  /** Rows sorted by matrix; null on engines where reading the ids back would wait for the device. */
  readonly sorted: SortedRows | null;
}

/**
 * Reads the ids back, once for all products that share them, if the engine in use does that at once.
 * @throws {OpsError} if an id that was read is neither −1 nor a matrix.
 */
export function groupRows(ids: Tensor1D, matrices: number): RowGroups {
  if (!engineTraits().readsBack) return { ids, sorted: null };
  return { ids, sorted: sortRows(ids.dataSync() as Int32Array, matrices, "groupRows") };
}

/**
 * Multiplies each row by one matrix of a stack, a grouped GEMM: `y[n] = stack[ids[n]] · x[n] + bias[ids[n]]`, 0 for the id −1.
 * Reads only matrices that rows use.
 *
 * @param x `[N, in]`
 * @param stack `[E, out, in]`
 * @param groups of N rows
 * @param bias `[E, out]`
 * @returns `[N, out]`
 * @throws {OpsError} if the shapes do not fit, or there is no row.
 */
export function groupedLinear(x: Tensor2D, stack: Weight, groups: RowGroups, bias?: Tensor2D): Tensor2D {
  const [n, width] = x.shape;
  const [e, out] = stack.shape;
  const fits = n > 0 && groups.ids.shape[0] === n && stack.shape.length === 3 && stack.shape[2] === width;
  if (!fits || (bias && !(bias.shape[0] === e && bias.shape[1] === out)))
    throw new OpsError({
      where: `groupedLinear [${stack.shape}]`,
      expected: `rows [N, ${stack.shape[2]}] and N ids, N at least 1${bias ? `, a bias [${e}, ${out}]` : ""}`,
      got: `[${x.shape}] and ${groups.ids.size} ids${bias ? `, [${bias.shape}]` : ""}`,
    });
  return tidy(() => {
    const { sorted } = groups;
    if (!sorted) return gathered(x, stack, groups.ids, bias);
    return unsortRows(sortedLinear(gather(x, int32(sorted.order)), stack, sorted, bias), sorted);
  });
}

/** Multiplies rows that are sorted by matrix, and adds the biases. @returns `[N, out]`, N may be 0 */
export function sortedLinear(rows: Tensor2D, stack: Weight, sorted: SortedRows, bias?: Tensor2D): Tensor2D {
  if (rows.shape[0] === 0) return zeros([0, stack.shape[1]!]);
  const product = products(rows, stack, sorted.offsets);
  return bias ? add(product, gather(bias, int32(sorted.matrices))) : product;
}

function products(rows: Tensor2D, stack: Weight, offsets: readonly number[]): Tensor2D {
  const transposed = stack.layout === "transposed";
  const [whole, another] = stack.parts;
  if (whole && !another && whole.rank === 3)
    return groupedMatMul({ x: rows, stack: whole as Tensor3D }, { offsets, transposed });
  const each = offsets.slice(0, -1).flatMap((start, id) => {
    const size = offsets[id + 1]! - start;
    if (size === 0) return [];
    const own = slice(rows, [start, 0], [size, -1]);
    return [runLinear({ x: own as Tensor, weight: stack.parts[id] as Tensor2D }, { transposed }) as Tensor2D];
  });
  return each.length === 1 ? each[0]! : concat(each, 0);
}

/** Gathers the matrix of each row, and multiplies them as one batch. */
function gathered(x: Tensor2D, stack: Weight, ids: Tensor1D, bias?: Tensor2D): Tensor2D {
  const [n, width] = x.shape;
  const met = maximum(ids, scalar(0, "int32")) as Tensor1D;
  const matrices = gather(stackedTensor(stack), met);
  const product = reshape(matMul(reshape(x, [n, 1, width]), matrices, false, stack.layout === "plain"), [n, -1]);
  const sum = bias ? add(product, gather(bias, met)) : product;
  return mul(sum, reshape(greaterEqual(ids, 0), [n, 1])) as Tensor2D;
}
