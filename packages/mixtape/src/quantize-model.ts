import {
  fetchingOf,
  type QuantizeCheckpointOptions,
  type QuantizedCheckpoint,
  quantizeCheckpoint,
  readConfig,
} from "@mixtape/decoder";
import { checkOptions } from "@mixtape/errors";
import type { CheckpointSource } from "@mixtape/safetensors";
import { openSource } from "./checkpoint-source.js";
import { modelClassOf } from "./families.js";

/**
 * Writes a checkpoint with quantised matrices (Node), which transformers loads with compressed-tensors, and
 * {@link loadModel} as any other. No engine is needed, and one matrix is in memory at a time.
 *
 * ```ts
 * await quantizeModel("./Qwen3-30B-A3B", "./Qwen3-30B-A3B-int4", { quantize: "int4" });
 * ```
 *
 * @param location a folder or a GGUF file (Node), the URL of one, or a map of file names to contents
 * @param folder created if it does not exist
 * @throws {OptionError} for an unknown option
 * @throws {QuantizationError} for a checkpoint that is quantised already, or a recipe that it does not fit; then nothing is written
 * @throws as {@link loadModel}
 */
export async function quantizeModel(
  location: CheckpointSource,
  folder: string,
  options: QuantizeCheckpointOptions = {},
): Promise<QuantizedCheckpoint> {
  checkOptions("quantizeModel", options, {
    quantize: true,
    ignore: true,
    onWarning: true,
    fetchOptions: true,
    maxShardBytes: true,
    files: true,
    onProgress: true,
    signal: true,
  });
  const source = await openSource(location, fetchingOf(options));
  // Warnings come from quantizeCheckpoint, which reads the same file.
  const file = await readConfig(source, { ...fetchingOf(options), onWarning: () => {} });
  return quantizeCheckpoint(modelClassOf(file.json, file.where), source, folder, options);
}
