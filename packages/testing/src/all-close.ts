import { Tensor } from "@tensorflow/tfjs-core";

/** Numbers with a shape, as in golden files. */
export interface Values {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Tolerance of a comparison: `|actual − expected| ≤ atol + rtol · |expected|`. */
export interface Tolerance {
  readonly atol: number;
  /** Default: 0. */
  readonly rtol?: number;
}

/**
 * Compares every element, and shapes where both sides have one. NaN is never close.
 * @param what name of the numbers in the message
 * @throws {Error} with the worst element, its index, and the number of elements outside the tolerance.
 */
export async function expectAllClose(
  actual: Tensor | Values | Float32Array,
  expected: Tensor | Values | Float32Array,
  { atol, rtol = 0 }: Tolerance,
  what = "values",
): Promise<void> {
  const [got, want] = await Promise.all([read(actual), read(expected)]);
  const shapesDiffer = got.shape && want.shape && got.shape.join() !== want.shape.join();
  if (shapesDiffer || got.values.length !== want.values.length)
    throw new Error(`${what}: expected the shape [${shapeOf(want)}], got [${shapeOf(got)}]`);
  let worst = 0;
  let most = 0;
  let above = 0;
  for (const [i, value] of want.values.entries()) {
    const excess = excessOf(got.values[i]!, value, atol + rtol * Math.abs(value));
    if (excess <= 0) continue;
    above++;
    if (excess > most) [worst, most] = [i, excess];
  }
  if (above === 0) return;
  const shape = shapeOf(want);
  throw new Error(
    `${what}: expected [${shape}] within atol ${atol}, rtol ${rtol}; ${above} of ${want.values.length} are not. Worst at ` +
      `[${indexOf(worst, shape)}]: expected ${want.values[worst]}, got ${got.values[worst]}`,
  );
}

/** Returns by how much a difference exceeds the tolerance. NaN is never close, and infinity only to itself. */
function excessOf(actual: number, expected: number, allowed: number): number {
  if (actual === expected) return 0;
  const excess = Math.abs(actual - expected) - allowed;
  return Number.isNaN(excess) ? Infinity : excess;
}

interface Read {
  readonly shape: readonly number[] | undefined;
  readonly values: Float32Array | Int32Array | Uint8Array;
}

async function read(source: Tensor | Values | Float32Array): Promise<Read> {
  if (source instanceof Tensor) return { shape: source.shape, values: await source.data() };
  if (source instanceof Float32Array) return { shape: undefined, values: source };
  return source;
}

function shapeOf({ shape, values }: Read): readonly number[] {
  return shape ?? [values.length];
}

/** Returns the multi-dimensional index of flat element `i`. */
function indexOf(i: number, shape: readonly number[]): number[] {
  return shape.map((size, axis) => Math.floor(i / shape.slice(axis + 1).reduce((n, m) => n * m, 1)) % size);
}
