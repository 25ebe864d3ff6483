import { concat, gather, type Tensor1D, type Tensor2D, tensor1d, zeros } from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";
import type { Offsets } from "./grouped-matmul.js";

/** Rows sorted by matrix. Rows with the id −1 are left out. */
export interface SortedRows {
  /** Number of rows, those that are left out included. */
  readonly rows: number;
  /** Rows with a matrix, in the order of the matrices. */
  readonly order: Int32Array;
  /** Matrix of each of them. */
  readonly matrices: Int32Array;
  /** First of these rows for each matrix, and the end. */
  readonly offsets: Offsets;
}

/**
 * Sorts rows by matrix.
 * @param ids the matrix of each row, −1 for none
 * @throws {OpsError} if an id is neither −1 nor a matrix.
 */
export function sortRows(ids: Int32Array, matrices: number, where: string): SortedRows {
  const offsets = new Array<number>(matrices + 1).fill(0);
  for (const id of ids) {
    if (!(id >= -1 && id < matrices))
      throw new OpsError({ where, expected: `indices from 0 to ${matrices - 1}, or -1 for none`, got: `${id}` });
    if (id >= 0) offsets[id + 1]!++;
  }
  for (let id = 0; id < matrices; id++) offsets[id + 1]! += offsets[id]!;
  const next = [...offsets];
  const order = new Int32Array(offsets[matrices]!);
  const matrixOf = new Int32Array(order.length);
  ids.forEach((id, row) => {
    if (id < 0) return;
    const at = next[id]!++;
    order[at] = row;
    matrixOf[at] = id;
  });
  return { rows: ids.length, order, matrices: matrixOf, offsets };
}

/** Restores the original order of sorted rows; rows without a matrix are 0. */
export function unsortRows(sorted: Tensor2D, { rows, order }: Pick<SortedRows, "rows" | "order">): Tensor2D {
  const isWhole = order.length === rows;
  const place = new Int32Array(rows).fill(order.length);
  order.forEach((row, at) => {
    place[row] = at;
  });
  const from = isWhole ? sorted : concat([sorted, zeros([1, sorted.shape[1]])], 0);
  return gather(from, int32(place)) as Tensor2D;
}

/** Creates a vector of integers. */
export function int32(values: Int32Array): Tensor1D {
  return tensor1d(values, "int32");
}
