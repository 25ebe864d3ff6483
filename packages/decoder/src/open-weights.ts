import { quantizedSource } from "@mixtape/quantization";
import {
  type CheckpointSource,
  type Dtype,
  type FetchOptions,
  openCheckpoint,
  type TensorSource,
} from "@mixtape/safetensors";
import type { ConfigFile } from "./config-file.js";

/**
 * Opens the tensors of a checkpoint. Quantised weights have their usual names and shapes, and are decoded when they are
 * read.
 * @throws {QuantizationError} for a quantisation that is not read, or that the tensors contradict
 * @throws as `openCheckpoint`
 */
export async function openWeights(
  source: CheckpointSource,
  { json, where, quantization }: ConfigFile,
  options: FetchOptions = {},
): Promise<TensorSource> {
  const tensors = await openCheckpoint(source, options);
  if (!quantization) return tensors;
  try {
    const savedAs = dtypeOf(json);
    return quantizedSource(tensors, { json: quantization.json, where: `${where}: ${quantization.key}`, savedAs });
  } catch (error) {
    await tensors.close();
    throw error;
  }
}

/** Returns the dtype in a config of the weights before they were quantised. */
function dtypeOf({ dtype, torch_dtype: before5 }: ConfigFile["json"]): Dtype {
  const name = dtype ?? before5;
  if (name === "float32") return "F32";
  return name === "float16" ? "F16" : "BF16";
}
