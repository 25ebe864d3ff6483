import {
  concat,
  gather,
  matMul,
  reshape,
  slice,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  tensor1d,
  tidy,
} from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";
import { runLinear } from "../linear.js";
import { stackedTensor, type Weight } from "../weight.js";
import { groupedMatMul } from "./grouped-products.js";
import { chooseStrategy } from "./strategy.js";

/** Which matrix of a stack each of N rows meets. */
export interface RowGroups {
  /** int32 `[N]` */
  readonly ids: Tensor1D;
  /** The rows in the order of their matrices; null on engines where reading the ids back would wait for the device. */
  readonly sorted: SortedRows | null;
}

/** Rows in the order of the matrices that they meet. */
export interface SortedRows {
  readonly order: Int32Array;
  /** Where the rows of each matrix begin in that order, and where the last end. */
  readonly offsets: readonly number[];
}

/** Reads the ids back, once for all products that share them, where the engine in use does that at once. */
export function groupRows(ids: Tensor1D, matrices: number): RowGroups {
  const strategy = chooseStrategy({ tokens: ids.size, k: 1, experts: matrices });
  if (strategy === "gathered" || strategy === "dense") return { ids, sorted: null };
  const values = ids.dataSync();
  const offsets = new Array<number>(matrices + 1).fill(0);
  for (const id of values) offsets[id + 1]!++;
  for (let id = 0; id < matrices; id++) offsets[id + 1]! += offsets[id]!;
  const next = [...offsets];
  const order = new Int32Array(values.length);
  values.forEach((id, row) => {
    order[next[id]!++] = row;
  });
  return { ids, sorted: { order, offsets } };
}

/**
 * A linear map of each row by one matrix of a stack: `y[n] = stack[ids[n]] · x[n]`. Only matrices that are met are read.
 *
 * @param x `[N, in]`
 * @param stack `[E, out, in]`
 * @param groups of N rows
 * @returns `[N, out]`
 * @throws {OpsError} where the shapes do not fit, or there is no row.
 */
export function groupedLinear(x: Tensor2D, stack: Weight, groups: RowGroups): Tensor2D {
  const [n, width] = x.shape;
  if (n === 0 || groups.ids.shape[0] !== n || stack.shape.length !== 3 || stack.shape[2] !== width)
    throw new OpsError({
      where: `groupedLinear [${stack.shape}]`,
      expected: `rows [N, ${stack.shape[2]}] and N ids, N at least 1`,
      got: `[${x.shape}] and ${groups.ids.size} ids`,
    });
  return tidy(() => (groups.sorted ? byGroup(x, stack, groups.sorted) : gathered(x, stack, groups.ids)));
}

function byGroup(x: Tensor2D, stack: Weight, { order, offsets }: SortedRows): Tensor2D {
  const rows = gather(x, tensor1d(order, "int32")) as Tensor2D;
  const place = new Int32Array(order.length);
  order.forEach((row, i) => {
    place[row] = i;
  });
  return gather(products(rows, stack, offsets), tensor1d(place, "int32")) as Tensor2D;
}

/** The products of rows that lie in the order of their matrices. */
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

/** Copies the matrix of each row, and multiplies them as one batch. */
function gathered(x: Tensor2D, stack: Weight, ids: Tensor1D): Tensor2D {
  const [n, width] = x.shape;
  const matrices = gather(stackedTensor(stack), ids);
  return reshape(matMul(reshape(x, [n, 1, width]), matrices, false, stack.layout === "plain"), [n, -1]) as Tensor2D;
}
