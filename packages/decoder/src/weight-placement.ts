import { storageOf } from "@mixtape/ops";
import { compileRecipe } from "@mixtape/quantization";
import type { TensorSource } from "@mixtape/safetensors";
import type { LoadOptions } from "./load.js";
import type { LoadJob } from "./match-tensors.js";
import type { PreTrainedModel } from "./pre-trained-model.js";
import { quantizeJobs } from "./quantize/quantize-jobs.js";

/** Bytes of a model's weights on an engine, by where they are. */
export interface WeightPlacement {
  /** In memory: copied, decoded, or quantised while loading. */
  readonly heldBytes: number;
  /** In their files, mapped: weights that every token reads, and embeddings. */
  readonly mappedBytes: number;
  /** In their files, mapped: routed experts, of which a token reads some. */
  readonly mappedExpertBytes: number;
  /** Of the mapped experts, what one token reads. */
  readonly expertBytesPerToken: number;
}

/**
 * Returns the parameters as they are loaded: with views that quantise, if the options say so.
 * @param where name of the checkpoint, for errors
 * @throws {QuantizationError} for a checkpoint that cannot be quantised like that
 */
export function loadJobs(
  model: PreTrainedModel,
  tensors: TensorSource,
  { quantize }: Pick<LoadOptions, "quantize">,
  where: string,
): readonly LoadJob[] {
  const match = model.matchTensors(tensors);
  return quantize === undefined ? match.jobs : quantizeJobs(match, compileRecipe(quantize), where);
}

/** Sums weights by where they are on a tfjs backend. Default: the engine in use. */
export function weightPlacement(
  jobs: readonly LoadJob[],
  { expertsPerToken, backend }: { readonly expertsPerToken: number; readonly backend?: string },
): WeightPlacement {
  const storage = storageOf(backend);
  let [heldBytes, mappedBytes, mappedExpertBytes, expertBytesPerToken] = [0, 0, 0, 0];
  for (const { param, view, dtype } of jobs) {
    const bytes = storage.bytes(param.shape, param.role, dtype, view);
    const mapped = Math.min(bytes, storage.mappedBytes?.(view, param.role) ?? 0);
    heldBytes += bytes - mapped;
    if (param.role !== "stack") mappedBytes += mapped;
    else {
      mappedExpertBytes += mapped;
      expertBytesPerToken += mapped * Math.min(1, expertsPerToken / param.shape[0]!);
    }
  }
  return { heldBytes, mappedBytes, mappedExpertBytes, expertBytesPerToken };
}
