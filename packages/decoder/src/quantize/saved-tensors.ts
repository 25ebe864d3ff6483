import type { WeightRole } from "@mixtape/ops";
import type { TensorView } from "@mixtape/safetensors";
import type { FoundWeights } from "../match-tensors.js";
import type { Bundle } from "../weights/operations.js";

/** A tensor of a checkpoint, under the name by which the model is saved. */
export interface SavedTensor {
  readonly name: string;
  readonly view: TensorView;
  /** Role of the parameter that it belongs to. */
  readonly role: WeightRole;
}

/**
 * Yields the tensors that parameters are saved in, as views of those that the checkpoint has: one matrix per expert, even if the
 * checkpoint has fused ones. Nothing is read.
 */
export function* savedTensors({ weights, source, views }: FoundWeights): IterableIterator<SavedTensor> {
  const { params, sources } = weights;
  const [saved] = sources;
  let bundles: readonly Bundle<TensorView>[] = views;
  if (source !== saved) {
    for (const [i, operation] of source.operations.entries())
      bundles = operation.load(bundles, source.shapes[i + 1]!, params);
    for (const operation of saved.operations.toReversed()) bundles = operation.save(bundles, params);
  }
  for (const [i, files] of saved.files.entries())
    for (const [j, { name }] of files.entries())
      yield { name, view: bundles[i]![j]!, role: params[Math.min(i, params.length - 1)]!.role };
}
