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
  const sums = new Float64Array(BLOCK);
  for (let start = 0; start < n; start += BLOCK) {
    const block = Math.min(BLOCK, n - start);
    for (let b = 0; b < start + block; b++) {
      const first = Math.max(0, b - start);
      if (b < start) dots(rows, start, block, rows[b]!, b, sums);
      else for (let i = first; i < block; i++) sums[i] = dot(rows[start + i]!, rows[b]!, b);
      for (let i = first; i < block; i++) {
        const row = rows[start + i]!;
        const rest = row[b]! - sums[i]!;
        if (start + i > b) row[b] = rest / rows[b]![b]!;
        else if (rest > 0) row[b] = Math.sqrt(rest);
        else return undefined;
      }
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

/** Rows that are multiplied at once: each value of the common factor is then read once for all of them. */
export const BLOCK = 4;

/**
 * Multiplies the first `length` values of rows `start` to below `start + block` by those of `factor`.
 * @param block at most {@link BLOCK}
 * @param sums receives a sum per row
 */
export function dots(
  rows: readonly Float64Array[],
  start: number,
  block: number,
  factor: Float64Array,
  length: number,
  sums: Float64Array,
): void {
  if (block < BLOCK) {
    for (let i = 0; i < block; i++) sums[i] = dot(rows[start + i]!, factor, length);
    return;
  }
  const [a, b, c, d] = [rows[start]!, rows[start + 1]!, rows[start + 2]!, rows[start + 3]!];
  let [sumA, sumB, sumC, sumD] = [0, 0, 0, 0];
  for (let i = 0; i < length; i++) {
    const value = factor[i]!;
    sumA += a[i]! * value;
    sumB += b[i]! * value;
    sumC += c[i]! * value;
    sumD += d[i]! * value;
  }
  sums[0] = sumA;
  sums[1] = sumB;
  sums[2] = sumC;
  sums[3] = sumD;
}

function dot(a: Float64Array, b: Float64Array, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[i]! * b[i]!;
  return sum;
}
