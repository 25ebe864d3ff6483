import type { DecoderConfig } from "@mixtape/config";
import { type ConfigFile, decodedWeights, type ModelClass, type PreTrainedModel, weightBytes } from "@mixtape/decoder";
import type { Engine, MemoryLimit } from "@mixtape/engine";
import { storageOf } from "@mixtape/ops";
import {
  type CheckpointSource,
  type Dtype,
  type FetchOptions,
  isCheckpoint,
  type TensorSource,
} from "@mixtape/safetensors";
import { countDtypes, mainDtype, withTensors } from "./inspect-model.js";
import { ModelTooLargeError } from "./mixtape-error.js";

/** A checkpoint whose config was read. */
interface Files {
  readonly source: CheckpointSource;
  readonly fetching: FetchOptions;
  readonly file: ConfigFile;
}

/**
 * Checks that the weights fit into the memory of the engine, and of the machine unless they stay in their files.
 * @throws {ModelTooLargeError} if they do not
 */
export async function checkFit(
  Model: ModelClass<PreTrainedModel>,
  config: DecoderConfig,
  { name, backend, memoryLimit }: Engine,
  files: Files,
): Promise<void> {
  const { source, fetching, file } = files;
  if (storageOf(backend).mapped) await checkDecoded(new Model(config), backend, files);
  const limits = [memoryLimit, storageOf(backend).mapped ? null : machineMemory()];
  const limitOf = (bytes: number) => limits.find((known) => known && bytes > known.bytes);
  const bytesOf = (of: DecoderConfig, dtype: Dtype, tensors?: TensorSource) => {
    const model = new Model(of);
    return weightBytes(model, backend, dtype, tensors && model.matchTensors(tensors).jobs);
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
      "use an engine or a machine without this limit, or a smaller model",
      { option: "checkMemory", value: false, text: (option) => `try anyway with ${option}` },
    ],
  });
}

/** Checks that quantised weights that a mapping engine decodes fit into memory: they are not in a file any more. */
async function checkDecoded(model: PreTrainedModel, backend: string, { source, fetching, file }: Files): Promise<void> {
  if (!file.quantization && !isCheckpoint(source)) return;
  const limit = machineMemory();
  if (!limit || weightBytes(model, backend) <= limit.bytes) return;
  const look = (tensors: TensorSource) => decodedWeights(model.matchTensors(tensors).jobs);
  const { bytes, formats } = await withTensors({ source, file }, look, fetching);
  if (bytes <= limit.bytes) return;
  throw new ModelTooLargeError({
    where: file.where,
    expected: `decoded weights of at most ${gib(limit.bytes)} (${limit.why})`,
    got: `${gib(bytes)}: ${formats.join(", ")} is decoded to float32 on this engine`,
    fix: [
      "use a version of the checkpoint in a format that is multiplied as it is stored, such as GGUF",
      { option: "checkMemory", value: false, text: (option) => `try anyway with ${option}` },
    ],
  });
}

/** Returns the machine's free memory, if known: Node reports it, browsers do not. */
function machineMemory(): MemoryLimit | null {
  const bytes = globalThis.process?.availableMemory?.();
  return bytes === undefined ? null : { bytes, why: "the free memory of this machine" };
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}
