import type { Param } from "@mixtape/layers";
import { disposeWeight, logicalTensor, storageOf, type Weight } from "@mixtape/ops";
import { type Dtype, fromFloat32, toFloat32, viewOfBytes } from "@mixtape/safetensors";
import { split, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { AdapterError } from "../errors.js";
import type { AdapterLayer } from "../layers/adapter-layer.js";
import { withCopies } from "../layers/copied-param.js";
import { baseOf } from "../layers/dora.js";
import type { TargetModule } from "../targets/target-module.js";
import type { Adapter } from "./adapter.js";

/** Weights of the model before an adapter was merged. */
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
 * @throws {AdapterError} for a mixture, whose updates depend on the input, for one that adapts a tied embedding and head apart, and
 * where a sum is not finite in its dtype.
 */
export async function merge(adapter: Adapter, { dtype }: MergeOptions = {}): Promise<Originals> {
  checkMergeable(adapter);
  const merged = new Map<Param, Weight>();
  try {
    for (const { name, param, copy } of adapter.copies)
      if (!merged.has(param))
        merged.set(param, await placed(name, param, logicalTensor(copy.weight), dtype ?? param.dtype));
    for (const [target, layer] of adapter.layers) await mergeAt(adapter, target, layer, merged, dtype);
  } catch (error) {
    for (const weight of merged.values()) disposeWeight(weight);
    throw error;
  }
  return new Map([...merged].map(([param, weight]) => [param, param.exchange(weight)]));
}

function checkMergeable(adapter: Adapter): void {
  for (const [{ name }, layer] of adapter.layers) if (!layer.merged) throw notMergeable(adapter, layer, name);
  // The embedding and a tied head are one matrix in the model, and may be two in the adapter.
  const [table, head] = (["embedding", "head"] as const).map(
    (kind) => adapter.targetModules.find((target) => target.kind === kind)!,
  );
  if (table!.weights[0] !== head!.weights[0]) return;
  const copyAt = (target: TargetModule): Param | undefined =>
    adapter.copies.find((copy) => copy.target === target)?.copy;
  const isOne = copyAt(table!) === copyAt(head!) && !adapter.layers.has(table!) && !adapter.layers.has(head!);
  if (!isOne)
    throw new AdapterError({
      where: `merge ${adapter.name}`,
      expected: "an adapter that leaves the embedding and the head one, as they are in the model",
      got: "one that adapts them apart",
      fix: "Keep it beside the model",
    });
}

/** Restores the weights, bit for bit. */
export function unmerge(originals: Originals): void {
  for (const [param, weight] of originals) disposeWeight(param.exchange(weight));
}

async function mergeAt(
  { copies }: Adapter,
  target: TargetModule,
  layer: AdapterLayer,
  merged: Map<Param, Weight>,
  dtype?: Dtype,
): Promise<void> {
  const sums = tidy(() => {
    const base = withCopies(copies, () => baseOf(target));
    const sum = layer.merged!(base);
    return target.weights.length === 1 ? [sum] : split(sum, target.weights.length, 1);
  });
  try {
    for (const [i, param] of target.weights.entries()) {
      const sum = await placed(target.name, param, sums[i]!, dtype ?? param.dtype);
      const copied = merged.get(param);
      if (copied) disposeWeight(copied);
      merged.set(param, sum);
    }
  } finally {
    for (const sum of sums) if (!sum.isDisposed) sum.dispose();
  }
}

/** Places the values in a dtype, in the layout of a parameter. Disposes the tensor. */
async function placed(name: string, { shape, role }: Param, values: Tensor, dtype: Dtype): Promise<Weight> {
  try {
    const bytes = fromFloat32((await values.data()) as Float32Array, dtype);
    checkFinite(name, bytes, dtype);
    return await storageOf().place(viewOfBytes(name, dtype, shape, bytes), role);
  } finally {
    values.dispose();
  }
}

function checkFinite(name: string, bytes: Uint8Array, dtype: Dtype): void {
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
}

function notMergeable({ name, config }: Adapter, { loraBias }: AdapterLayer, target: string): AdapterError {
  return new AdapterError({
    where: `merge ${name}`,
    expected: "LoRA, rsLoRA or DoRA",
    got: loraBias
      ? `one with a bias of its own at ${target}`
      : `${config.method}, whose update at ${target} depends on the input`,
    fix: "Keep it beside the model",
  });
}
