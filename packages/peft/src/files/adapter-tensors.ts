import type { Param } from "@mixtape/layers";
import { logicalTensor } from "@mixtape/ops";
import { fromFloat32, viewOfBytes } from "@mixtape/safetensors";

/**
 * Tensor of an adapter's file that holds a part of a parameter: its name, its shape, and the positions of its elements in the
 * parameter.
 */
export interface AdapterTensor {
  readonly name: string;
  /** Other names in files that are loaded. */
  readonly aliases?: readonly string[];
  readonly shape: readonly number[];
  /** Index of element `i` of the tensor in the parameter, in memory order of its logical shape. */
  readonly at: (i: number) => number;
}

/** A parameter of an adapter, and the tensors that hold its values on disk. */
export interface ParamTensors {
  readonly param: Param;
  readonly tensors: readonly AdapterTensor[];
  /** A parameter of the model, whose values it has where no tensor says otherwise. */
  readonly from?: Param;
}

/** A tensor that is the parameter. */
export function whole(
  [name, ...aliases]: readonly [string, ...string[]],
  param: Param,
  shape: readonly number[] = param.shape,
): ParamTensors {
  return { param, tensors: [{ name, aliases, shape, at: (i) => i }] };
}

/** The numbers of a parameter in its logical shape. */
export async function valuesOf(param: Param): Promise<Float32Array> {
  const tensor = logicalTensor(param.ownWeight);
  try {
    return (await tensor.data()) as Float32Array;
  } finally {
    tensor.dispose();
  }
}

/** The numbers of a stored tensor, out of its parameter's. */
export function extractValues({ shape, at }: AdapterTensor, values: Float32Array): Float32Array {
  const size = shape.reduce((product, n) => product * n, 1);
  return Float32Array.from({ length: size }, (_, i) => values[at(i)]!);
}

/** Loads a parameter with values in its logical shape. */
export function loadValues(name: string, param: Param, values: Float32Array): Promise<void> {
  return param.load(viewOfBytes(name, "F32", param.shape, fromFloat32(values, "F32")));
}
