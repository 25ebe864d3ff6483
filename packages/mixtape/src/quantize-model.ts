import {
  type CalibrationBatches,
  fetchingOf,
  type QuantizeCheckpointOptions,
  type QuantizedCheckpoint,
  quantizeCheckpoint,
  readConfig,
  warnOnConsole,
} from "@mixtape/decoder";
import { availableMemory, type Engine, type EngineName } from "@mixtape/engine";
import { checkOptions, checkOptionTypes } from "@mixtape/errors";
import type { CheckpointSource } from "@mixtape/safetensors";
import type { Tokenizer } from "@mixtape/tokenizer";
import { calibrationBatches } from "./calibration-batches.js";
import { openSource } from "./checkpoint-source.js";
import { modelClassOf } from "./families.js";
import { engineFor, loadTokenizer } from "./load-model.js";

/** Options of {@link quantizeModel}. */
export interface QuantizeModelOptions extends Omit<QuantizeCheckpointOptions, "calibration" | "freeMemory"> {
  /**
   * Text on which matrices of 4 bits are calibrated by GPTQ, of which the first {@link calibrationTokens} count, or token ids in
   * batches, `[batch][row][token]`. Default: each value is rounded for itself, and no engine is needed.
   */
  readonly calibration?: string | CalibrationBatches;
  /** Maximum tokens of a text for calibration. Default: 32,768. */
  readonly calibrationTokens?: number;
  /** Engine that runs the layers for calibration. Default: the current one, or the automatic choice if there is none. */
  readonly engine?: EngineName | "auto";
}

/**
 * Writes a checkpoint with quantised matrices (Node), which transformers loads with compressed-tensors, and
 * {@link loadModel} as any other. No engine is needed, and one matrix is in memory at a time; with a calibration, which makes
 * matrices of 4 bits better, one layer.
 *
 * ```ts
 * await quantizeModel("./Qwen3-30B-A3B", "./Qwen3-30B-A3B-int4", {
 *   quantize: "int4",
 *   calibration: readFileSync("text.txt", "utf8"),
 * });
 * ```
 *
 * @param location a folder or a GGUF file (Node), the URL of one, or a map of file names to contents
 * @param folder created if it does not exist
 * @throws {OptionError} for an unknown option
 * @throws {QuantizationError} for a checkpoint that is quantised already, a recipe that it does not fit, or a matrix too wide to be
 *   calibrated in the free memory; then nothing is written
 * @throws as {@link loadModel}
 */
export async function quantizeModel(
  location: CheckpointSource,
  folder: string,
  options: QuantizeModelOptions = {},
): Promise<QuantizedCheckpoint> {
  checkOptions("quantizeModel", options, {
    quantize: true,
    calibration: true,
    calibrationTokens: true,
    engine: true,
    ignore: true,
    onWarning: true,
    fetchOptions: true,
    maxShardBytes: true,
    files: true,
    onProgress: true,
    signal: true,
  });
  checkOptionTypes("quantizeModel", options, { calibrationTokens: "integer" });
  const { calibration, calibrationTokens, engine, ...quantizing } = options;
  const source = await openSource(location, fetchingOf(options));
  // Warnings come from quantizeCheckpoint, which reads the same file.
  const file = await readConfig(source, { ...fetchingOf(options), onWarning: () => {} });
  const Model = modelClassOf(file.json, file.where);
  if (calibration === undefined) return quantizeCheckpoint(Model, source, folder, quantizing);
  const batches =
    typeof calibration === "string"
      ? calibrationBatches(calibration, await tokenizerOf(source, options), calibrationTokens)
      : calibration;
  const { memoryLimit } = await engineFor(engine);
  const freeMemory = () => freeBytes(memoryLimit);
  return quantizeCheckpoint(Model, source, folder, { ...quantizing, calibration: batches, freeMemory });
}

function tokenizerOf(source: CheckpointSource, options: QuantizeModelOptions): Promise<Tokenizer> {
  const { onWarning = warnOnConsole } = options;
  return loadTokenizer(source, {
    fetchOptions: fetchingOf(options),
    onWarning: (message) => onWarning({ kind: "tokenizer", message, names: [] }),
  });
}

/** Returns the free bytes of the machine or, if they are fewer, those that an engine can hold; null if neither is known. */
function freeBytes(limit: Engine["memoryLimit"]): number | null {
  const known = [availableMemory(), limit].flatMap((one) => (one ? [one.bytes] : []));
  return known.length > 0 ? Math.min(...known) : null;
}
