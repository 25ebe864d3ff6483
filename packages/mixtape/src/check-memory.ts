import type { DecoderConfig } from "@mixtape/config";
import {
  type ConfigFile,
  decodedWeights,
  type LoadJob,
  type LoadOptions,
  loadJobs,
  type ModelClass,
  type OnWarning,
  type PreTrainedModel,
  summarize,
  weightBytes,
  weightPlacement,
} from "@mixtape/decoder";
import type { Engine, MemoryLimit } from "@mixtape/engine";
import { storageOf } from "@mixtape/ops";
import type { CheckpointSource, Dtype, FetchOptions, TensorSource } from "@mixtape/safetensors";
import { aboutPartialExperts, expertRoom, partialExperts, type WeightLimit, weightLimit } from "./expert-room.js";
import { countDtypes, mainDtype, withTensors } from "./inspect-model.js";
import { ModelTooLargeError } from "./mixtape-error.js";

/** A checkpoint whose config was read. */
interface Files {
  readonly source: CheckpointSource;
  readonly fetching: FetchOptions;
  readonly file: ConfigFile;
}

/** Options that decide how much memory weights take, and may take. */
export interface MemoryOptions extends Pick<LoadOptions, "quantize"> {
  /** Bytes that weights may take. Default: the free memory. */
  readonly memory?: number | undefined;
  /** Whether to refuse weights that do not fit. */
  readonly refuse: boolean;
  readonly onWarning: OnWarning;
}

/** Subject of a check. */
interface Check extends Files, MemoryOptions {
  readonly Model: ModelClass<PreTrainedModel>;
  readonly config: DecoderConfig;
  readonly engine: Engine;
}

/**
 * Checks that the weights fit into the memory of the engine, and of the machine unless they stay in their files. Weights that may
 * stay there are checked once they are found in the files: by the function that is returned, if that is necessary. It sets how
 * many of the experts that stay there are kept in memory, and warns if those are not all.
 * @throws {ModelTooLargeError} if they do not fit
 */
export async function checkFit(
  Model: ModelClass<PreTrainedModel>,
  config: DecoderConfig,
  engine: Engine,
  files: Files,
  options: MemoryOptions,
): Promise<((jobs: readonly LoadJob[]) => void) | undefined> {
  const check = { Model, config, engine, ...files, ...options };
  const machine = weightLimit(options.memory);
  const isMapped = storageOf(engine.backend).mapped;
  if (options.refuse) await checkHeld(check, isMapped ? [engine.memoryLimit] : [engine.memoryLimit, machine]);
  return isMapped && machine ? mappedCheck(check, machine) : undefined;
}

/** Checks weights that an engine holds, of which none stays in a file. */
async function checkHeld(
  { Model, config, engine: { name, backend }, source, fetching, file, quantize }: Check,
  limits: readonly (MemoryLimit | WeightLimit | null)[],
): Promise<void> {
  const limitOf = (bytes: number) => limits.find((known) => known && bytes > known.bytes);
  const bytesOf = (of: DecoderConfig, dtype: Dtype, tensors?: TensorSource) => {
    const model = new Model(of);
    return weightBytes(model, backend, dtype, tensors && loadJobs(model, tensors, { quantize }, file.where));
  };
  // A head that the config ties to the embedding may differ in the file, and then needs as much memory again.
  const untied = config.tieWordEmbeddings ? Model.family.config.with(config, { tieWordEmbeddings: false }) : config;
  if (!limitOf(bytesOf(untied, "F32"))) return;
  // The files are opened only if their dtypes matter.
  const keepsDtypes = bytesOf(config, "BF16") !== bytesOf(config, "F32");
  const isHeadDecisive = !limitOf(bytesOf(config, "F32"));
  const bytes =
    keepsDtypes || isHeadDecisive
      ? await withTensors(
          { source, file },
          async (tensors) => {
            const dtype = mainDtype(countDtypes(tensors));
            const fitsAnyway = !limitOf(bytesOf(untied, dtype, tensors));
            const settled = fitsAnyway
              ? config
              : await Model.settleConfig(config, tensors, { where: file.where, onWarning: () => {} });
            return bytesOf(settled, dtype, tensors);
          },
          fetching,
        )
      : bytesOf(config, "F32");
  const limit = limitOf(bytes);
  if (!limit) return;
  throw new ModelTooLargeError({
    where: file.where,
    expected: `weights of at most ${gib(limit.bytes)} on the engine "${name}" (${limit.why})`,
    got: gib(bytes),
    fix: [
      "isOption" in limit && limit.isOption
        ? { option: "memory", text: (option) => `raise ${option}, or use a smaller model` }
        : "use an engine or a machine without this limit, or a smaller model",
      { option: "checkMemory", value: false, text: (option) => `try anyway with ${option}` },
    ],
  });
}

/**
 * Returns a check of the weights of a mapping engine: those that it decodes, or quantises while loading, are not in a file any more
 * and must fit. Of those in files, the experts get what the others leave.
 */
function mappedCheck(check: Check, limit: WeightLimit): ((jobs: readonly LoadJob[]) => void) | undefined {
  const { Model, config, engine } = check;
  const model = new Model(config);
  const { perToken } = summarize(model).experts;
  // Most models would fit even in float32.
  if (weightBytes(model, engine.backend) > limit.bytes) return (jobs) => checkMapped(check, limit, jobs, perToken);
  storageOf(engine.backend).limitExperts?.(limit.bytes);
  return undefined;
}

function checkMapped(
  { engine, file, quantize, refuse, onWarning }: Check,
  limit: WeightLimit,
  jobs: readonly LoadJob[],
  expertsPerToken: number,
): void {
  const placement = weightPlacement(jobs, { expertsPerToken, backend: engine.backend });
  const decoded = decodedWeights(jobs, engine.backend);
  // Norms and biases are always held, and are too small to count.
  const heldBytes = quantize === undefined ? decoded.bytes : placement.heldBytes;
  if (refuse && heldBytes > limit.bytes)
    throw new ModelTooLargeError({
      where: file.where,
      expected: `${quantize === undefined ? "decoded" : "quantised"} weights of at most ${gib(limit.bytes)} (${limit.why})`,
      got: `${gib(heldBytes)}: ${
        quantize === undefined
          ? `${decoded.formats.join(", ")} is decoded to float32 on this engine`
          : "weights that are quantised while loading are not in a file"
      }`,
      fix: [
        quantize === undefined
          ? "use a version of the checkpoint in a format that is multiplied as it is stored, such as GGUF"
          : "quantise the checkpoint once, with quantizeModel, and load the result, which stays in its files",
        { option: "checkMemory", value: false, text: (option) => `try anyway with ${option}` },
      ],
    });
  storageOf(engine.backend).limitExperts?.(expertRoom(placement, limit));
  const partial = partialExperts(placement, limit);
  if (partial)
    onWarning({ kind: "larger-than-memory", names: [], message: `${file.where}: ${aboutPartialExperts(partial)}` });
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}
