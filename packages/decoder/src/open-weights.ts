import { type Quantization, quantizedSource } from "@mixtape/quantization";
import {
  type CheckpointSource,
  type Dtype,
  type FetchOptions,
  openCheckpoint,
  readJsonFile,
  type TensorSource,
} from "@mixtape/safetensors";
import type { ConfigFile } from "./config-file.js";
import { CheckpointError } from "./errors.js";
import { isQuantised } from "./match-tensors.js";

/**
 * Opens the tensors of a checkpoint. Quantised weights have their usual names and shapes, and are decoded when they are
 * read.
 * @throws {QuantizationError} for a quantisation that is not read, or that the tensors contradict
 * @throws as `openCheckpoint`
 */
export async function openWeights(
  source: CheckpointSource,
  file: ConfigFile,
  options: FetchOptions = {},
): Promise<TensorSource> {
  const tensors = await openCheckpoint(source, options);
  try {
    const quantization = inConfig(file) ?? (await inSideFile(source, tensors, options));
    return quantization ? await quantizedSource(tensors, { ...quantization, savedAs: dtypeOf(file.json) }) : tensors;
  } catch (error) {
    await tensors.close();
    throw error;
  }
}

/** The quantisation of a checkpoint, and its name for errors. */
type Found = Pick<Quantization, "json" | "where">;

function inConfig({ where, quantization }: ConfigFile): Found | undefined {
  return quantization && { json: quantization.json, where: `${where}: ${quantization.key}` };
}

/** Files beside `config.json` in which quantisers describe the weights: AutoGPTQ, AutoAWQ and ModelOpt. */
const SIDE_FILES = ["quantize_config.json", "quant_config.json", "hf_quant_config.json"];

/** Looks for a file beside `config.json`, if the names of tensors suggest one. */
async function inSideFile(
  source: CheckpointSource,
  tensors: TensorSource,
  options: FetchOptions,
): Promise<Found | undefined> {
  if (!tensors.names.some(isQuantised)) return undefined;
  for (const name of SIDE_FILES) {
    const { json, where } = await readJsonFile(source, name, CheckpointError, options);
    if (json) return { json, where };
  }
  return undefined;
}

/** Returns the dtype in a config of the weights before they were quantised. */
function dtypeOf({ dtype, torch_dtype: before5 }: ConfigFile["json"]): Dtype {
  const name = dtype ?? before5;
  if (name === "float32") return "F32";
  return name === "float16" ? "F16" : "BF16";
}
