import type { Param } from "@mixtape/layers";
import { disposeWeight, storageOf, type Weight } from "@mixtape/ops";
import { fromFloat32, viewOfBytes } from "@mixtape/safetensors";
import { split, type Tensor, tidy } from "@tensorflow/tfjs-core";
import type { Adapter } from "./adapter.js";
import { AdapterError } from "./errors.js";
import { baseOf } from "./methods/dora.js";
import type { Piece } from "./piece.js";
import type { Site } from "./site.js";

/** The values that a model had before an adapter was merged into it. */
export type Originals = ReadonlyMap<Param, Weight>;

/**
 * Puts the sums of the base's matrices and the adapter's updates in place of the base's, in the dtype that they have.
 * @returns what was there before
 * @throws {AdapterError} for a mixture, whose updates depend on the input.
 */
export async function merge(adapter: Adapter): Promise<Originals> {
  for (const [{ name }, piece] of adapter.pieces) if (!piece.merged) throw notMergeable(adapter, name);
  const merged = new Map<Param, Weight>();
  try {
    for (const [site, piece] of adapter.pieces) await mergeAt(site, piece, merged);
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

async function mergeAt(site: Site, piece: Piece, merged: Map<Param, Weight>): Promise<void> {
  const sums = tidy(() => {
    const base = baseOf(site);
    const sum = piece.merged!(base);
    return site.weights.length === 1 ? [sum] : split(sum, site.weights.length, 1);
  });
  try {
    for (const [i, param] of site.weights.entries()) merged.set(param, await placed(site.name, param, sums[i]!));
  } finally {
    for (const sum of sums) sum.dispose();
  }
}

async function placed(name: string, { dtype, shape, role }: Param, values: Tensor): Promise<Weight> {
  const bytes = fromFloat32((await values.data()) as Float32Array, dtype);
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
