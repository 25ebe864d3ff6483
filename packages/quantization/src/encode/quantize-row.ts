/**
 * Search of the scale of a group by squared error, as `make_qx_quants` of llama.cpp (ggml/src/ggml-quants.c), with scales that
 * are rounded to bfloat16 before they are compared.
 */

/** Adding and subtracting it rounds a number below 2^51 to an integer, ties to even. */
const ROUNDER = 1.5 * 2 ** 52;

/** Number of first scales that are tried. */
const TRIALS = 9;

/** Codes and scales of a matrix. */
export interface RowTarget {
  /** Integers from `−2^(bits − 1)`, of a row. */
  readonly codes: Int8Array;
  /** Upper halves of float32 scales: bfloat16. */
  readonly scales: Uint16Array;
  /** Index of the row's first scale. */
  readonly firstScale: number;
}

/**
 * Quantises a row of a matrix. The value of largest magnitude in a group is mapped near `−2^(bits − 1)`, so a scale may be
 * negative: the range of codes has one more on that side.
 * @param groupSize values that share a scale; divides the length of the row
 */
export function quantizeRow(
  row: Float32Array,
  { bits, groupSize }: { readonly bits: 4 | 8; readonly groupSize: number },
  { codes, scales, firstScale }: RowTarget,
): void {
  const group = new Float64Array(groupSize);
  const equal = new Float64Array(groupSize).fill(1);
  for (let start = 0, g = firstScale; start < row.length; start += groupSize, g++) {
    for (let i = 0; i < groupSize; i++) group[i] = row[start + i]!;
    const scale = scaleOf(group, bits, equal);
    scales[g] = upperHalf(scale);
    const inverse = scale === 0 ? 0 : 1 / scale;
    const least = -(2 ** (bits - 1));
    for (let i = 0; i < groupSize; i++) codes[start + i] = rounded(group[i]! * inverse, least);
  }
}

/**
 * Returns the bfloat16 scale of least squared error among several; 0 for a group of zeros.
 * @param costs of the squared error of each value
 */
export function scaleOf(group: Float64Array, bits: 4 | 8, costs: Float64Array): number {
  let extreme = 0;
  for (let i = 0; i < group.length; i++) if (Math.abs(group[i]!) > Math.abs(extreme)) extreme = group[i]!;
  if (extreme === 0) return 0;
  const half = 2 ** (bits - 1);
  // 4 bits: the extreme becomes −7 to −9, and is then cut to −8. 8 bits: −120 to −128, since cutting does not pay.
  const [first, step] = bits === 4 ? [half - 1, 0.25] : [half - 8, 1];
  let best: Fit = { scale: bfloat16(-extreme / half), gain: Number.NEGATIVE_INFINITY };
  for (let trial = 0; trial < TRIALS; trial++) {
    const fit = fitOf(group, -(first + trial * step) / extreme, half, costs);
    if (fit.gain > best.gain) best = fit;
  }
  // With the codes of the best scale, another one may fit better.
  const again = fitOf(group, 1 / best.scale, half, costs);
  return again.gain > best.gain ? again.scale : best.scale;
}

/** A scale, and what it takes off the sum of squares: `Σw² − Σ(w − scale · q)²`, each square times its cost. */
interface Fit {
  readonly scale: number;
  readonly gain: number;
}

/** Returns the scale that fits best, by least squares, to the codes that another one gives. */
function fitOf(group: Float64Array, inverse: number, half: number, costs: Float64Array): Fit {
  let valueByCode = 0;
  let codeByCode = 0;
  for (let i = 0; i < group.length; i++) {
    const value = group[i]!;
    const code = rounded(value * inverse, -half);
    const costly = costs[i]! * code;
    valueByCode += value * costly;
    codeByCode += code * costly;
  }
  const scale = bfloat16(valueByCode / codeByCode);
  return { scale, gain: scale * (2 * valueByCode - scale * codeByCode) };
}

/** Rounds to an integer from `least` to `−1 − least`, ties to even. */
export function rounded(value: number, least: number): number {
  const code = value + ROUNDER - ROUNDER;
  return code < least ? least : code > -1 - least ? -1 - least : code;
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** Rounds to bfloat16, ties to even. */
function bfloat16(value: number): number {
  float[0] = value;
  word[0] = (word[0]! + 0x7fff + ((word[0]! >>> 16) & 1)) & 0xffff_0000;
  return float[0]!;
}

/** Returns the bits of a bfloat16 value. */
export function upperHalf(value: number): number {
  float[0] = value;
  return word[0]! >>> 16;
}
