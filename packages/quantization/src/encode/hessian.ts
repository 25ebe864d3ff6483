import { QuantizationError } from "../errors.js";

/**
 * Sum of `xᵀx` over the inputs `x` of a linear map: up to a factor, the Hessian of the squared error of its outputs with respect
 * to a row of its weight.
 */
export interface Hessian {
  /** `[columns, columns]`, symmetric, row-major. */
  readonly values: Float32Array;
  readonly columns: number;
}

/** Part of the mean of the diagonal that is added to it, as in GPTQ; ten times as much while the matrix is not positive. */
const DAMPING = 0.01;

/** Factor by which the damping grows, and its limit. */
const GROWTH = 10;
const MAX_DAMPING = 10;

/**
 * Decomposition of a Hessian whose rows and columns are put in an order: `H = (I + C) D (I + C)ᵀ` with `C` strictly upper triangular
 * and `D` diagonal.
 */
export interface Feedback {
  /** Columns of the weight in the order in which they are rounded. */
  readonly order: readonly number[];
  /** Column `k` of `C`, its first `k` values: what the error of each earlier column adds to the one at `k` in the order. */
  readonly columns: readonly Float64Array[];
  /** Diagonal of `D`: the cost of the squared rounding error of each column. */
  readonly costs: Float64Array;
}

/**
 * Returns an order of columns for rounding: those with large inputs first, as long as there are others to make up for their errors
 * (`act_order` of GPTQ), but group by group, so that the scale of a group is chosen when all earlier errors are known.
 */
export function roundingOrder({ values, columns }: Hessian, groupSize: number): number[] {
  const squares = Float64Array.from({ length: columns }, (_, i) => values[i * columns + i]!);
  const groups = Array.from({ length: columns / groupSize }, (_, g) => {
    const members = Array.from({ length: groupSize }, (_, i) => g * groupSize + i);
    return { members, sum: members.reduce((sum, i) => sum + squares[i]!, 0) };
  });
  const ordered = groups.sort((a, b) => b.sum - a.sum);
  return ordered.flatMap(({ members }) => members.sort((a, b) => squares[b]! - squares[a]!));
}

/**
 * Decomposes a Hessian with a damped diagonal. With it, rounding column by column, each after the errors of the earlier ones were
 * added, is GPTQ (Frantar et al. 2022, https://arxiv.org/abs/2210.17323) without an inverse: the form LDLQ of QuIP (Chee et al.
 * 2023, https://arxiv.org/abs/2307.13304, theorem 6).
 * @param name of the weight, for errors
 * @param order columns in the order in which they are rounded
 * @throws {QuantizationError} for values that are not finite
 */
export function feedbackOf(name: string, hessian: Hessian, order: readonly number[]): Feedback {
  const { values, columns } = hessian;
  let mean = 0;
  for (let i = 0; i < columns; i++) mean += values[i * columns + i]! / columns;
  if (!Number.isFinite(mean))
    throw new QuantizationError({
      where: name,
      expected: "finite inputs in calibration",
      got: `a mean square of ${mean}`,
      fix: "The checkpoint is damaged, or its activations overflow in this precision",
    });
  // Inputs that are all zero leave nothing to correct.
  if (mean === 0) {
    const none = Array.from({ length: columns }, (_, k) => new Float64Array(k));
    return { order, columns: none, costs: new Float64Array(columns).fill(1) };
  }
  for (let damping = DAMPING; damping <= MAX_DAMPING; damping *= GROWTH) {
    const rows = cholesky(hessian, order, damping * mean);
    if (!rows) continue;
    const costs = Float64Array.from(rows, (_, k) => rows[columns - 1 - k]![columns - 1 - k]! ** 2);
    return { order, columns: columnsOf(rows), costs };
  }
  throw new QuantizationError({
    where: name,
    expected: "a Hessian of calibration that is positive when its diagonal is damped",
    got: "another matrix",
    fix: "The checkpoint is damaged, or its activations overflow in this precision",
  });
}

/**
 * Returns the lower triangle `L` of `LLᵀ = H` with rows and columns in reverse order, so that its factor is upper triangular in
 * theirs; undefined if `H` is not positive.
 */
function cholesky(
  { values, columns: n }: Hessian,
  order: readonly number[],
  damping: number,
): Float64Array[] | undefined {
  // Rows have the length of the whole, since rows of a block are read past their diagonal.
  const rows = Array.from({ length: n }, () => new Float64Array(n));
  for (let a = 0; a < n; a++)
    for (let b = 0; b <= a; b++)
      rows[a]![b] = values[order[n - 1 - a]! * n + order[n - 1 - b]!]! + (a === b ? damping : 0);
  const sums = new Float64Array(2 * BLOCK);
  for (let start = 0; start < n; start += BLOCK) {
    const block = Math.min(BLOCK, n - start);
    // Columns to the left of the block, in pairs: BLOCK is even.
    for (let b = 0; b < start; b += 2) {
      const [left, right] = [rows[b]!, rows[b + 1]!];
      dots(rows, start, block, left, right, b, sums);
      for (let i = 0; i < block; i++) {
        const row = rows[start + i]!;
        row[b] = (row[b]! - sums[i]!) / left[b]!;
        row[b + 1] = (row[b + 1]! - sums[BLOCK + i]! - row[b]! * right[b]!) / right[b + 1]!;
      }
    }
    for (let b = start; b < start + block; b++) {
      const pivot = rows[b]!;
      const rest = pivot[b]! - dot(pivot, pivot, b);
      if (!(rest > 0)) return undefined;
      pivot[b] = Math.sqrt(rest);
      for (let a = b + 1; a < start + block; a++) rows[a]![b] = (rows[a]![b]! - dot(rows[a]!, pivot, b)) / pivot[b]!;
    }
  }
  return rows;
}

/** Returns the columns of `C`: `C[j, k] = L[a, b] / L[b, b]`, `a` and `b` counted from the end. */
function columnsOf(rows: readonly Float64Array[]): Float64Array[] {
  const n = rows.length;
  return Array.from({ length: n }, (_, k) => {
    const b = n - 1 - k;
    const pivot = rows[b]![b]!;
    return Float64Array.from({ length: k }, (_, j) => rows[n - 1 - j]![b]! / pivot);
  });
}

/** Rows that are multiplied at once. */
export const BLOCK = 4;

/**
 * Multiplies the first `length` values of rows `start` to below `start + block` by those of two factors. Each value that is read serves
 * several products, which are the time that a calibration takes.
 * @param block at most {@link BLOCK}
 * @param sums receives a sum per row with the first factor, and from {@link BLOCK} on with the second
 */
export function dots(
  rows: readonly Float64Array[],
  start: number,
  block: number,
  first: Float64Array,
  second: Float64Array,
  length: number,
  sums: Float64Array,
): void {
  // Rows beyond the end stand for the last one.
  const last = start + block - 1;
  const a = rows[start]!;
  const b = rows[Math.min(start + 1, last)]!;
  const c = rows[Math.min(start + 2, last)]!;
  const d = rows[Math.min(start + 3, last)]!;
  let [a1, b1, c1, d1, a2, b2, c2, d2] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < length; i++) {
    const x = first[i]!;
    const y = second[i]!;
    let value = a[i]!;
    a1 += value * x;
    a2 += value * y;
    value = b[i]!;
    b1 += value * x;
    b2 += value * y;
    value = c[i]!;
    c1 += value * x;
    c2 += value * y;
    value = d[i]!;
    d1 += value * x;
    d2 += value * y;
  }
  sums[0] = a1;
  sums[1] = b1;
  sums[2] = c1;
  sums[3] = d1;
  sums[4] = a2;
  sums[5] = b2;
  sums[6] = c2;
  sums[7] = d2;
}

function dot(a: Float64Array, b: Float64Array, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[i]! * b[i]!;
  return sum;
}
