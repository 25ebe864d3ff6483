/** What methods share: names of the tensors beside a weight, and checks of their dtypes and shapes. */

import type { Dtype, TensorSource, TensorView } from "@mixtape/safetensors";
import { QuantizationError } from "../errors.js";

/** Yields the modules that have a tensor with that suffix: `model.layers.0.mlp.gate_proj` for `.weight_packed`. */
export function* modulesWith(tensors: TensorSource, suffix: string): Generator<string> {
  for (const name of tensors.names) if (name.endsWith(suffix)) yield name.slice(0, -suffix.length);
}

/** What a tensor must be. */
export interface ExpectedTensor {
  readonly dtypes: readonly Dtype[];
  /** Length of each axis. */
  readonly shape: readonly number[];
}

/**
 * Returns a tensor that belongs to a quantised weight.
 * @throws {QuantizationError} if it is missing, or of another dtype or shape
 */
export function companion(tensors: TensorSource, name: string, { dtypes, shape }: ExpectedTensor): TensorView {
  const expected = `${dtypes.join(" or ")} [${shape.join(", ")}]`;
  if (!tensors.has(name))
    throw new QuantizationError({
      where: name,
      expected,
      got: "no such tensor",
      fix: "The checkpoint is incomplete, or its quantisation config belongs to another",
    });
  const view = tensors.tensor(name);
  if (dtypes.includes(view.dtype) && view.shape.join() === shape.join()) return view;
  throw new QuantizationError({ where: name, expected, got: `${view.dtype} [${view.shape.join(", ")}]` });
}
