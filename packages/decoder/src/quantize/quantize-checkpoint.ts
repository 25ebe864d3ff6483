import {
  compileRecipe,
  compressedTensorsConfig,
  type ModuleScheme,
  packedTensors,
  QuantizationError,
  type QuantizeOptions,
  type Recipe,
} from "@mixtape/quantization";
import {
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
import { moduleOf } from "./module-of.js";
import { refuseQuantized } from "./refuse-quantized.js";
import { type SavedTensor, savedTensors } from "./saved-tensors.js";

/** Options of {@link quantizeCheckpoint}. */
export interface QuantizeCheckpointOptions
  extends Pick<LoadOptions, "ignore" | "onWarning" | "fetchOptions">,
    Omit<SaveOptions, "dtype"> {
  /** `int4`, `int8`, or a recipe. Default: `int4`. */
  readonly quantize?: "int4" | "int8" | QuantizeOptions;
}

/** A quantised checkpoint that was written. */
export interface QuantizedCheckpoint {
  /** Number of matrices and of their values in each format; `none` for those that stay as they are. */
  readonly formats: Readonly<Record<string, { readonly matrices: number; readonly values: number }>>;
}

/** Maximum bytes of a shard. The scales of a shard, a ninth of it at most, stay in memory until they are written. */
const MAX_SHARD_BYTES = 2e9;

/**
 * Writes a checkpoint with quantised matrices, in the format `pack-quantized` of compressed-tensors (Node). One matrix is in memory
 * at a time, and no engine is needed. Experts are written one by one, even if the checkpoint has fused ones. A process that is
 * killed leaves what the folder had before.
 * @param Model class of the model
 * @param folder created if it does not exist
 * @throws {QuantizationError} for a checkpoint that is quantised already, or a recipe that it does not fit; then nothing is written
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
  const recipe = compileRecipe(quantize);
  const where = nameOfSource(source);
  const fetching = fetchingOf(options);
  const file = await readConfig(source, fetching);
  const parsed = parseConfig(Model.family.config, file, { ignore, onWarning });
  const tensors = await openWeights(source, file, fetching);
  try {
    const model = new Model(await Model.settleConfig(parsed, tensors, { where, onWarning }));
    const match = model.matchTensors(tensors);
    refuseFaults(match, where);
    refuseQuantized(match, where);
    warnOfTensors(match, where, onWarning, model.architecture);
    const modules: ModuleScheme[] = [];
    const writes = match.found.flatMap((found) =>
      [...savedTensors(found)].flatMap((tensor) => tensorsToWrite(tensor, recipe, modules)),
    );
    if (!modules.some(({ scheme }) => scheme))
      throw new QuantizationError({
        where: "quantize",
        expected: `rules with modules of ${where}`,
        got: "none of its matrices",
        fix: `Its modules are such as ${modules.slice(0, 3).map(({ module }) => module)}`,
      });
    const { tieWordEmbeddings } = model.config;
    const config = {
      ...file.json,
      ...(tieWordEmbeddings !== parsed.tieWordEmbeddings && { tie_word_embeddings: tieWordEmbeddings }),
      quantization_config: compressedTensorsConfig(modules),
    };
    await writeCheckpoint(folder, watched(writes, options), {
      maxShardBytes,
      files: {
        "config.json": `${JSON.stringify(config, null, 2)}\n`,
        ...(await generationConfigOf(source, fetching)),
        ...options.files,
      },
    });
    return { formats: countFormats(modules) };
  } finally {
    await tensors.close();
  }
}

/** Returns the tensors to write for one of a checkpoint, and notes its module if it is a matrix. */
function tensorsToWrite({ name, view, role }: SavedTensor, recipe: Recipe, modules: ModuleScheme[]): TensorToWrite[] {
  const asIs = (): TensorToWrite[] => [{ name, dtype: view.dtype, shape: view.shape, bytes: () => view.read() }];
  if (role === "vector" || role === "vectors") return asIs();
  const module = moduleOf(name);
  const scheme = recipe(module);
  const size = view.shape.reduce((all, n) => all * n, 1);
  modules.push({ module, scheme, size });
  if (!scheme) return asIs();
  if (view.shape.length === 2 && module !== name) return packedTensors(module, view, scheme);
  throw new QuantizationError({
    where: name,
    expected: "a matrix of a module, to be stored as pack-quantized",
    got: `[${view.shape.join(", ")}]`,
    fix: `Leave it as it is, with ignore: ["${module}"], or quantise the model while it is loaded`,
  });
}

async function generationConfigOf(
  source: CheckpointSource,
  fetching: FetchOptions,
): Promise<Record<string, Uint8Array>> {
  const bytes = await readSideFile(source, "generation_config.json", fetching);
  return bytes ? { "generation_config.json": bytes } : {};
}

function countFormats(modules: readonly ModuleScheme[]): QuantizedCheckpoint["formats"] {
  const formats: Record<string, { matrices: number; values: number }> = {};
  for (const { scheme, size } of modules) {
    const name = scheme
      ? `int${scheme.bits}, ${scheme.groupSize === "channel" ? "channel" : `groups of ${scheme.groupSize}`}`
      : "none";
    const { matrices, values } = formats[name] ?? { matrices: 0, values: 0 };
    formats[name] = { matrices: matrices + 1, values: values + size };
  }
  return formats;
}
