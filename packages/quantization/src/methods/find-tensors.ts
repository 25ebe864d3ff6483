/** Shared by methods: names of the tensors beside a weight, and checks of their dtypes and shapes. */

import type { Dtype, TensorSource, TensorView } from "@mixtape/safetensors";
import { QuantizationError } from "../errors.js";

/** Dtypes of scales that are floats. */
export const FLOATS: readonly Dtype[] = ["F32", "F16", "BF16"];

/** Yields the modules that have a tensor with that suffix: `model.layers.0.mlp.gate_proj` for `.weight_packed`. */
export function* modulesWith(tensors: TensorSource, suffix: string): Generator<string> {
  for (const name of tensors.names) if (name.endsWith(suffix)) yield name.slice(0, -suffix.length);
}

/** Dtypes of a tensor, one of which it has. */
export interface ExpectedMatrix {
  readonly dtypes: readonly Dtype[];
  /** Names of the axes, for errors, and lengths of those that have one: `["out", "in / 32", 16]`. */
  readonly axes: readonly (string | number)[];
}

/**
 * Returns the tensor with the codes of a quantised weight.
 * @throws {QuantizationError} if it is of another dtype or number of axes
 */
export function payload(tensors: TensorSource, name: string, { dtypes, axes }: ExpectedMatrix): TensorView {
  const view = tensors.tensor(name);
  const fits = (size: number, i: number): boolean => size > 0 && (typeof axes[i] === "string" || axes[i] === size);
  if (dtypes.includes(view.dtype) && view.shape.length === axes.length && view.shape.every(fits)) return view;
  throw new QuantizationError({
    where: name,
    expected: `${dtypes.join(" or ")} [${axes.join(", ")}]`,
    got: `${view.dtype} [${view.shape.join(", ")}]`,
    fix: "Its quantisation config belongs to another checkpoint",
  });
}

/** A tensor beside the codes. */
export interface ExpectedTensor {
  readonly dtypes: readonly Dtype[];
  /** Shapes, one of which it has. */
  readonly shapes: readonly (readonly number[])[];
  /** Advice if its shape is another one. */
  readonly fix?: string;
}

/**
 * Returns a tensor that belongs to a quantised weight.
 * @throws {QuantizationError} if it is missing, or of another dtype or shape
 */
export function companion(tensors: TensorSource, name: string, { dtypes, shapes, fix }: ExpectedTensor): TensorView {
  const expected = `${dtypes.join(" or ")} ${shapes.map((shape) => `[${shape.join(", ")}]`).join(" or ")}`;
  if (!tensors.has(name))
    throw new QuantizationError({
      where: name,
      expected,
      got: "no such tensor",
      fix: "The checkpoint is incomplete, or its quantisation config belongs to another",
    });
  const view = tensors.tensor(name);
  if (dtypes.includes(view.dtype) && shapes.some((shape) => shape.join() === view.shape.join())) return view;
  const got = `${view.dtype} [${view.shape.join(", ")}]`;
  throw new QuantizationError({ where: name, expected, got, ...(fix && { fix }) });
}

/** Returns the names of those tensors of a module that exist. */
export function present(tensors: TensorSource, module: string, suffixes: readonly string[]): string[] {
  const known = lastSegments(tensors);
  return suffixes.flatMap((suffix) => {
    // Most suffixes occur nowhere, and modules are many.
    const name = known.has(suffix) ? `${module}.${suffix}` : "";
    return name !== "" && tensors.has(name) ? [name] : [];
  });
}

const segments = new WeakMap<TensorSource, ReadonlySet<string>>();

/** Returns the last segments of all names. */
function lastSegments(tensors: TensorSource): ReadonlySet<string> {
  const known = segments.get(tensors);
  if (known) return known;
  const found = new Set(tensors.names.map((name) => name.slice(name.lastIndexOf(".") + 1)));
  segments.set(tensors, found);
  return found;
}

/** @throws {QuantizationError} for a weight that is quantised although the config excludes its module */
export function refuseExcluded(name: string, key: string): never {
  throw new QuantizationError({
    where: name,
    expected: `a weight that is not quantised, as ${key} says`,
    got: "a quantised one",
    fix: `Remove the module from ${key}, if the rest of the config belongs to the checkpoint`,
  });
}
