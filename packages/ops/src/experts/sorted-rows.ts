import { concat, gather, type Tensor1D, type Tensor2D, tensor1d, zeros } from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";
import type { Offsets } from "./grouped-matmul.js";

/** Rows in the order of the matrices that they meet. Rows with the id −1 meet none, and are left out. */
export interface SortedRows {
  /** How many rows there are, those left out included. */
  readonly rows: number;
  /** The rows that meet a matrix, in the order of their matrices. */
  readonly order: Int32Array;
  /** The matrix of each of them. */
  readonly matrices: Int32Array;
  /** Where the rows of each matrix begin in that order, and where the last end. */
  readonly offsets: Offsets;
}

/**
 * Sorts rows by the matrices that they meet.
 * @param ids the matrix of each row, −1 for none
 * @throws {OpsError} when an id is neither −1 nor a matrix.
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

/** Puts sorted rows back into the order that they came in; rows that meet no matrix are 0. */
export function unsortRows(sorted: Tensor2D, { rows, order }: Pick<SortedRows, "rows" | "order">): Tensor2D {
  const isWhole = order.length === rows;
  const place = new Int32Array(rows).fill(order.length);
  order.forEach((row, at) => {
    place[row] = at;
  });
  const from = isWhole ? sorted : concat([sorted, zeros([1, sorted.shape[1]])], 0);
  return gather(from, int32(place)) as Tensor2D;
}

/** A vector of integers. */
export function int32(values: Int32Array): Tensor1D {
  return tensor1d(values, "int32");
}
