import { checkOptions } from "@mixtape/errors";
import type { Module, Param } from "@mixtape/layers";
import { type Dtype, fromFloat32, viewOfBytes } from "@mixtape/safetensors";
import { ones, randomNormal, type Tensor, zeros } from "@tensorflow/tfjs-core";

/** Options for initial values. */
export interface InitOptions {
  /** Same seed, same values, on any engine. Default: 0. */
  readonly seed?: number;
  /** Standard deviation of matrices. Default: 0.02. */
  readonly std?: number;
  /** Dtype that values are rounded to and saved in. Default: F32. */
  readonly dtype?: Dtype;
}

/**
 * Initialises every parameter: matrices are normal with mean 0, scales are 1, biases are 0. The embedding of a padding
 * token is 0, as in transformers.
 *
 * One parameter is in memory at a time, besides the engine's.
 * @throws {OptionError} for an unknown option
 */
export async function initialize(module: Module, options: InitOptions = {}): Promise<void> {
  checkOptions("initialize", options, { seed: true, std: true, dtype: true });
  await initializeParams(module.namedParameters(), options);
}

/** Initialises parameters like {@link initialize}. */
export async function initializeParams(
  params: Iterable<readonly [string, Param]>,
  { seed = 0, std = 0.02, dtype = "F32" }: InitOptions,
): Promise<void> {
  // From 1: tfjs treats a seed of 0 as none.
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

/** Returns a copy with zeros in a row. */
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
