import type { Param } from "@mixtape/layers";
import { disposeWeight, storageOf, type Weight } from "@mixtape/ops";
import { type Dtype, fromFloat32, toFloat32, viewOfBytes } from "@mixtape/safetensors";
import { split, type Tensor, tidy } from "@tensorflow/tfjs-core";
import type { Adapter } from "./adapter.js";
import { AdapterError } from "./errors.js";
import { baseOf } from "./methods/dora.js";
import type { Piece } from "./piece.js";
import type { Site } from "./site.js";

/** The values that a model had before an adapter was merged into it. */
export type Originals = ReadonlyMap<Param, Weight>;

/** Options of a merge. */
export interface MergeOptions {
  /** Dtype that the sums are rounded to. Default: that of each matrix of the base. */
  readonly dtype?: Dtype;
}

/**
 * Puts the sums of the base's matrices and the adapter's updates in place of the base's. Sums are made in float32 and rounded
 * once, as peft's `merge` does.
 * @returns what was there before
 * @throws {AdapterError} for a mixture, whose updates depend on the input, and where a sum is not finite in its dtype.
 */
export async function merge(adapter: Adapter, { dtype }: MergeOptions = {}): Promise<Originals> {
  for (const [{ name }, piece] of adapter.pieces) if (!piece.merged) throw notMergeable(adapter, name);
  const merged = new Map<Param, Weight>();
  try {
    for (const [site, piece] of adapter.pieces) await mergeAt(site, piece, merged, dtype);
  } catch (error) {
    for (const weight of merged.values()) disposeWeight(weight);
    throw error;
  }
  return new Map([...merged].map(([param, weight]) => [param, param.exchange(weight)]));
}

/** Puts back what was there before, bit for bit. */
export function unmerge(originals: Originals): void {
  for (const [param, weight] of originals) disposeWeight(param.exchange(weight));
}

async function mergeAt(site: Site, piece: Piece, merged: Map<Param, Weight>, dtype?: Dtype): Promise<void> {
  const sums = tidy(() => {
    const base = baseOf(site);
    const sum = piece.merged!(base);
    return site.weights.length === 1 ? [sum] : split(sum, site.weights.length, 1);
  });
  try {
    for (const [i, param] of site.weights.entries())
      merged.set(param, await placed(site.name, param, sums[i]!, dtype ?? param.dtype));
  } finally {
    for (const sum of sums) sum.dispose();
  }
}

async function placed(name: string, { shape, role }: Param, values: Tensor, dtype: Dtype): Promise<Weight> {
  const bytes = fromFloat32((await values.data()) as Float32Array, dtype);
  const infinite = toFloat32(bytes, dtype).find((value) => !Number.isFinite(value));
  if (infinite !== undefined)
    throw new AdapterError({
      where: `merge: ${name}`,
      expected: `sums that are finite in ${dtype}`,
      got: `${infinite}`,
      fix:
        dtype === "F16"
          ? "float16 ends at 65504: merge in bfloat16 or float32"
          : "The adapter is damaged, or its training diverged",
    });
  return storageOf().place(viewOfBytes(name, dtype, shape, bytes), role);
}

function notMergeable({ name, config }: Adapter, site: string): AdapterError {
  return new AdapterError({
    where: `merge ${name}`,
    expected: "LoRA, rsLoRA or DoRA",
    got: `${config.method}, whose update at ${site} depends on the input`,
    fix: "Keep it beside the model",
  });
}
