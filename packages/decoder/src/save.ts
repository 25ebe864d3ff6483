import type { Module, Param } from "@mixtape/layers";
import { encodeWeight } from "@mixtape/ops";
import type { Dtype, TensorToWrite } from "@mixtape/safetensors";
import { type NameRule, namesAt, placesOf } from "./names.js";

/**
 * The parameters of a module under the names and in the shapes that they have on disk, each made when it is asked for.
 * @param dtype the dtype to save in; that of the checkpoint that a parameter was loaded from where absent.
 */
export function* tensorsToWrite(
  module: Module,
  rules: readonly NameRule[],
  dtype?: Dtype,
): IterableIterator<TensorToWrite> {
  for (const [name, param] of module.namedParameters()) {
    const [place] = placesOf(name, rules);
    const names = namesAt(place, param.shape[0]!);
    const shape = place.kind === "stack" ? param.shape.slice(1) : param.shape;
    for (const [i, n] of names.entries())
      yield toWrite(n, shape, param, dtype ?? param.dtype, place.kind === "stack" ? i : undefined);
  }
}

function toWrite(name: string, shape: readonly number[], param: Param, dtype: Dtype, index?: number): TensorToWrite {
  return { name, dtype, shape, bytes: () => encodeWeight(param.weight, dtype, index) };
}
