import {
  compileRecipe,
  compressedTensorsConfig,
  type ModuleScheme,
  packedTensors,
  QuantizationError,
  type QuantizeFormat,
  type QuantizeOptions,
  type Recipe,
  type WeightScheme,
} from "@mixtape/quantization";
import {
  bytesPerElement,
  type CheckpointSource,
  type FetchOptions,
  nameOfSource,
  readSideFile,
  type TensorToWrite,
  writeCheckpoint,
} from "@mixtape/safetensors";
import { parseConfig, readConfig } from "../config-file.js";
import { refuseFaults } from "../explain-faults.js";
import { fetchingOf, type LoadOptions, warnOfTensors } from "../load.js";
import { warnOnConsole } from "../load-warning.js";
import { openWeights } from "../open-weights.js";
import type { ModelClass, PreTrainedModel } from "../pre-trained-model.js";
import { watched } from "../save.js";
import type { SaveOptions } from "../save-options.js";
import { Calibration, type CalibrationBatches } from "./calibration.js";
import { moduleOf } from "./module-of.js";
import { refuseQuantized } from "./refuse-quantized.js";
import { type SavedTensor, savedTensors } from "./saved-tensors.js";

/** Options of {@link quantizeCheckpoint}. */
export interface QuantizeCheckpointOptions
  extends Pick<LoadOptions, "ignore" | "onWarning" | "fetchOptions">,
    Omit<SaveOptions, "dtype"> {
  /** `int4`, `int8`, `fp8`, or a recipe. Default: `int4`. Embeddings and heads stay as they are, unless the recipe says otherwise. */
  readonly quantize?: QuantizeFormat | QuantizeOptions;
  /**
   * Token ids, `[batch][row][token]`, on which matrices of 4 bits are calibrated by GPTQ; rows of a batch have one length. The layers
   * run on the engine in use, one after the other. Default: each value is rounded for itself, and no engine is needed.
   */
  readonly calibration?: CalibrationBatches;
  /**
   * Returns the bytes of memory that are free, null if they are not known. Sums of inputs in calibration take up to half of them:
   * a layer with more runs several times. Default: not known.
   */
  readonly freeMemory?: () => number | null;
}

/** A quantised checkpoint that was written. */
export interface QuantizedCheckpoint {
  /** Matrices in each format; `none` for those that stay as they are. */
  readonly formats: Readonly<Record<string, FormatCount>>;
  /** Matrices that were rounded value by value although there was a calibration: they met too few tokens, as rare experts do. */
  readonly uncalibrated: readonly string[];
}

/** Number of matrices, of their values, and of their bytes with scales. */
export interface FormatCount {
  readonly matrices: number;
  readonly values: number;
  readonly bytes: number;
}

/** Maximum bytes of a shard. The scales of a shard, a ninth of it at most, stay in memory until they are written. */
const MAX_SHARD_BYTES = 2e9;

/**
 * Writes a checkpoint with quantised matrices, in formats of compressed-tensors (Node): `pack-quantized`, and `float-quantized` for `fp8`. One matrix is in memory
 * at a time, and no engine is needed. Experts are written one by one, even if the checkpoint has fused ones. A process that is
 * killed leaves what the folder had before.
 * @param Model class of the model
 * @param folder created if it does not exist
 * @throws {QuantizationError} for a checkpoint that is quantised already, a recipe that it does not fit, or a matrix too wide to be
 *   calibrated in the free memory; then nothing is written
 * @throws {CheckpointError} listing all missing and misshaped tensors
 * @throws {SafetensorsWriteError} if the system refuses
 */
export async function quantizeCheckpoint(
  Model: ModelClass<PreTrainedModel>,
  source: CheckpointSource,
  folder: string,
  options: QuantizeCheckpointOptions = {},
): Promise<QuantizedCheckpoint> {
  const { quantize = "int4", ignore, onWarning = warnOnConsole, maxShardBytes = MAX_SHARD_BYTES } = options;
  const recipe = compileRecipe(onDisk(quantize));
  const where = nameOfSource(source);
  const fetching = fetchingOf(options);
  const file = await readConfig(source, fetching);
  const parsed = parseConfig(Model.family.config, file, { ignore, onWarning });
  const tensors = await openWeights(source, file, fetching);
  let calibration: Calibration | undefined;
  try {
    const model = new Model(await Model.settleConfig(parsed, tensors, { where, onWarning }));
    const match = model.matchTensors(tensors);
    refuseFaults(match, where);
    refuseQuantized(match, where);
    warnOfTensors(match, where, onWarning, model.architecture);
    if (options.calibration)
      calibration = new Calibration(model, match.jobs, recipe, options.calibration, {
        freeMemory: options.freeMemory ?? (() => null),
        signal: options.signal,
      });
    const parts = match.found.flatMap((found) =>
      [...savedTensors(found)].map((tensor) => partOf(tensor, recipe, calibration)),
    );
    const modules = parts.flatMap(({ module }) => (module ? [module] : []));
    if (!modules.some(({ scheme }) => scheme))
      throw new QuantizationError({
        where: "quantize",
        expected: `rules with modules of ${where}`,
        got: "none of its matrices",
        fix: `Its modules are such as ${modules.slice(0, 3).map(({ module }) => module)}`,
      });
    // A head that is tied to the embedding is a module in transformers, which has no weights of its own.
    const tied = model.config.tieWordEmbeddings ? [{ module: "lm_head", scheme: undefined, size: 0 }] : [];
    const quantization = compressedTensorsConfig([...modules, ...tied]);
    const config = { ...model.config, architectures: model.config.architectures ?? [model.architecture] };
    const files = {
      "config.json": withQuantization(Model.family.config.stringify(config), quantization),
      ...(await generationConfigOf(source, fetching)),
      ...options.files,
    };
    const tensorsToWrite = parts.flatMap((part) => part.tensors);
    await writeCheckpoint(folder, watched(tensorsToWrite, options), { maxShardBytes, files });
    return { formats: countFormats(parts), uncalibrated: calibration?.rare ?? [] };
  } finally {
    calibration?.dispose();
    await tensors.close();
  }
}

/** Returns the options with the default of checkpoints, which others are to read: embeddings as they are. */
function onDisk(quantize: QuantizeFormat | QuantizeOptions): QuantizeOptions {
  return { embeddings: "none", ...(typeof quantize === "string" ? { weights: quantize } : quantize) };
}

/** A tensor of a checkpoint as it is written, and its module if it is a matrix. */
interface Part {
  readonly tensors: readonly TensorToWrite[];
  readonly module?: ModuleScheme;
}

function partOf({ name, view, role }: SavedTensor, recipe: Recipe, calibration: Calibration | undefined): Part {
  const asIs: TensorToWrite = { name, dtype: view.dtype, shape: view.shape, bytes: () => view.read() };
  if (role === "vector" || role === "vectors") return { tensors: [asIs] };
  const path = moduleOf(name);
  const scheme = recipe(path);
  const module = { module: path, scheme, size: view.shape.reduce((all, n) => all * n, 1) };
  if (!scheme) return { tensors: [asIs], module };
  const encode = calibration?.encoderOf(name, view.shape);
  if (view.shape.length === 2 && path !== name) return { tensors: packedTensors(path, view, scheme, encode), module };
  throw new QuantizationError({
    where: name,
    expected: "a matrix of a module, to be stored as pack-quantized",
    got: `[${view.shape.join(", ")}]`,
    fix: "Leave the module out of the recipe, or quantise the model while it is loaded",
  });
}

/** Adds the quantisation to the text of a config, in which floats have their points: transformers refuses integers for some. */
function withQuantization(config: string, quantization: Readonly<Record<string, unknown>>): string {
  const value = JSON.stringify(quantization, null, 2).replaceAll("\n", "\n  ");
  return config.replace(/\n\}\s*$/, () => `,\n  "quantization_config": ${value}\n}\n`);
}

async function generationConfigOf(
  source: CheckpointSource,
  fetching: FetchOptions,
): Promise<Record<string, Uint8Array>> {
  const bytes = await readSideFile(source, "generation_config.json", fetching);
  return bytes ? { "generation_config.json": bytes } : {};
}

function countFormats(parts: readonly Part[]): QuantizedCheckpoint["formats"] {
  const formats: Record<string, FormatCount> = {};
  for (const { module, tensors } of parts) {
    if (!module) continue;
    const name = module.scheme ? describe(module.scheme) : "none";
    const { matrices, values, bytes } = formats[name] ?? { matrices: 0, values: 0, bytes: 0 };
    const own = tensors.reduce((sum, tensor) => sum + bytesOf(tensor), 0);
    formats[name] = { matrices: matrices + 1, values: values + module.size, bytes: bytes + own };
  }
  return formats;
}

function describe({ type, bits, groupSize }: WeightScheme): string {
  if (type === "float") return `fp${bits}, a scale per row`;
  return `int${bits}, ${groupSize === "channel" ? "a scale per row" : `groups of ${groupSize}`}`;
}

function bytesOf({ dtype, shape }: TensorToWrite): number {
  return shape.reduce((all, n) => all * n, bytesPerElement(dtype));
}
