import { BLOCK, dots, type Feedback } from "./hessian.js";
import { rounded, scaleOf, upperHalf } from "./quantize-row.js";

/** Codes and scales of consecutive rows. */
export interface RowsTarget {
  /** Integers from `−2^(bits − 1)`, row after row. */
  readonly codes: Int8Array;
  /** Upper halves of float32 scales, row after row: bfloat16. */
  readonly scales: Uint16Array;
}

/**
 * Quantises all rows of a matrix with error feedback (GPTQ): before a column is rounded, the errors of earlier columns are added
 * to it, by their effect on the outputs. The scale of a group is chosen when its first column is reached.
 * @param values `[rows, columns]`, row-major
 * @param groupSize values that share a scale; divides the columns
 * @param feedback in an order that keeps the columns of a group together
 * @param chooseScale scale of a group, by its values, the costs of their errors, and its index in the matrix
 */
export function quantizeWithFeedback(
  values: Float32Array,
  { bits, groupSize }: { readonly bits: 4 | 8; readonly groupSize: number },
  feedback: Feedback,
  { codes, scales }: RowsTarget,
  chooseScale: (group: Float64Array, bits: 4 | 8, costs: Float64Array, index: number) => number = scaleOf,
): void {
  const { order } = feedback;
  const columns = order.length;
  const rows = values.length / columns;
  const groups = columns / groupSize;
  const least = -(2 ** (bits - 1));
  const errors = Array.from({ length: BLOCK }, () => new Float64Array(columns));
  const shifted = errors.map(() => new Float64Array(groupSize));
  const sums = new Float64Array(2 * BLOCK);
  for (let start = 0; start < rows; start += BLOCK) {
    const block = Math.min(BLOCK, rows - start);
    for (let g = 0; g < groups; g++) {
      const first = g * groupSize;
      const group = Math.floor(order[first]! / groupSize);
      const costs = feedback.costs.subarray(first, first + groupSize);
      // Errors of earlier groups move the whole group, and its scale is that of the moved values.
      for (let k = 0; k < groupSize; k += 2) {
        const next = Math.min(k + 1, groupSize - 1);
        dots(errors, 0, block, feedback.columns[first + k]!, feedback.columns[first + next]!, first, sums);
        for (let i = 0; i < block; i++) {
          const row = (start + i) * columns;
          shifted[i]![k] = values[row + order[first + k]!]! + sums[i]!;
          shifted[i]![next] = values[row + order[first + next]!]! + sums[(next - k) * BLOCK + i]!;
        }
      }
      for (let i = 0; i < block; i++) {
        const row = start + i;
        const scale = chooseScale(shifted[i]!, bits, costs, row * groups + group);
        scales[row * groups + group] = upperHalf(scale);
        const inverse = scale === 0 ? 0 : 1 / scale;
        for (let k = first; k < first + groupSize; k++) {
          // Errors within the group.
          const column = feedback.columns[k]!;
          let moved = shifted[i]![k - first]!;
          for (let j = first; j < k; j++) moved += errors[i]![j]! * column[j]!;
          const code = rounded(moved * inverse, least);
          const at = row * columns + order[k]!;
          codes[at] = code;
          errors[i]![k] = values[at]! - scale * code;
        }
      }
    }
  }
}
