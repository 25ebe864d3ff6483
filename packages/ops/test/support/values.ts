import { type Tensor, tensor } from "@tensorflow/tfjs-core";

/** The values of a tensor, apart from any engine. */
export interface Values {
  readonly shape: readonly number[];
  readonly dtype: "float32" | "int32";
  readonly values: Float32Array | Int32Array;
}

/** Numbers that look random and are the same in every run: uniform in [0, 1). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  // Mulberry32.
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** About normal: mean `shift`, standard deviation `scale`. */
export function normal(seed: number, shape: readonly number[], { scale = 1, shift = 0 } = {}): Values {
  const next = uniform(seed);
  const gauss = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return {
    shape,
    dtype: "float32",
    values: Float32Array.from({ length: sizeOf(shape) }, () => shift + scale * gauss()),
  };
}

/** Whole numbers as they stand. */
export function integers(values: readonly number[], shape: readonly number[] = [values.length]): Values {
  return { shape, dtype: "int32", values: Int32Array.from(values) };
}

/** Floating-point numbers as they stand. */
export function floats(values: ArrayLike<number>, shape: readonly number[] = [values.length]): Values {
  return { shape, dtype: "float32", values: Float32Array.from(values) };
}

/** For each of `t` rows, `k` different ones of `e`, in random order. */
export function choices(seed: number, t: number, k: number, e: number): Values {
  const next = uniform(seed);
  const rows = Array.from({ length: t }, () => {
    const order = Array.from({ length: e }, (_, i) => ({ i, key: next() })).sort((a, b) => a.key - b.key);
    return order.slice(0, k).map(({ i }) => i);
  });
  return integers(rows.flat(), [t, k]);
}

/** The values as a tensor on the engine in use, in memory of its own. */
export function toTensor({ values, shape, dtype }: Values): Tensor {
  return tensor(values.slice(), [...shape], dtype);
}

export function toTensors<N extends string>(values: Record<N, Values>): Record<N, Tensor> {
  const entries = Object.entries<Values>(values).map(([name, value]) => [name, toTensor(value)]);
  return Object.fromEntries(entries) as Record<N, Tensor>;
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}
