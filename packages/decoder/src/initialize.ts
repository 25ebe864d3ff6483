import { checkOptions } from "@mixtape/errors";
import type { Module, Param } from "@mixtape/layers";
import { type Dtype, fromFloat32, viewOfBytes } from "@mixtape/safetensors";
import { ones, randomNormal, type Tensor, zeros } from "@tensorflow/tfjs-core";

/** How fresh values are made. */
export interface InitOptions {
  /** Same seed, same values, on any engine. Default 0. */
  readonly seed?: number;
  /** Standard deviation of matrices. Default 0.02. */
  readonly std?: number;
  /** The dtype that values are rounded to, and in which they are saved. Default F32. */
  readonly dtype?: Dtype;
}

/**
 * Gives every parameter fresh values: matrices are normal around 0, scales are 1, biases are 0. The
 * embedding of a padding token is 0, as in transformers.
 *
 * One parameter is in memory at a time, besides what the engine holds.
 * @throws {OptionError} for an option that it does not know
 */
export async function initialize(module: Module, options: InitOptions = {}): Promise<void> {
  checkOptions("initialize", options, { seed: true, std: true, dtype: true });
  await initializeParams(module.namedParameters(), options);
}

/** Gives parameters fresh values, as {@link initialize} does. */
export async function initializeParams(
  params: Iterable<readonly [string, Param]>,
  { seed = 0, std = 0.02, dtype = "F32" }: InitOptions,
): Promise<void> {
  // From 1: tfjs takes a seed of 0 for none.
  let index = 1;
  for (const [name, param] of params) {
    const fresh = freshTensor(param, std, seed * 65_537 + index++);
    try {
      const values = (await fresh.data()) as Float32Array;
      const bytes = fromFloat32(param.zeroRow === null ? values : withoutRow(values, param, param.zeroRow), dtype);
      await param.load(viewOfBytes(name, dtype, param.shape, bytes));
    } finally {
      fresh.dispose();
    }
  }
}

/** A copy with zeros in a row. */
function withoutRow(values: Float32Array, { shape }: Param, row: number): Float32Array {
  const width = values.length / shape[0]!;
  return values.slice().fill(0, row * width, (row + 1) * width);
}

function freshTensor({ shape, init }: Param, std: number, seed: number): Tensor {
  switch (init) {
    case "ones":
      return ones([...shape]);
    case "zeros":
      return zeros([...shape]);
    case "normal":
      return randomNormal([...shape], 0, std, "float32", seed);
  }
}
