import type { DecoderConfig } from "@mixtape/config";
import { checkOptions, type OptionNames } from "@mixtape/errors";
import type { Dtype } from "@mixtape/safetensors";
import { DecoderError } from "./errors.js";
import type { SaveProgress } from "./save.js";

/** Options of saving a model. */
export interface SaveOptions {
  /**
   * Dtype of all floating-point parameters except those that the family keeps in float32. Default: each parameter keeps
   * its checkpoint's dtype.
   */
  readonly dtype?: Dtype;
  /** Maximum bytes of a shard; larger checkpoints are split. */
  readonly maxShardBytes?: number;
  /** More files of the checkpoint, such as the tokenizer's. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Called after each tensor, with bytes of the checkpoint. */
  readonly onProgress?: (progress: SaveProgress) => void;
  /** Stops between two tensors: the folder keeps its previous contents. */
  readonly signal?: AbortSignal;
}

const SAVE_OPTIONS: OptionNames<SaveOptions> = {
  dtype: true,
  maxShardBytes: true,
  files: true,
  onProgress: true,
  signal: true,
};

/**
 * Checks saving options.
 * @throws {OptionError} for an unknown option
 * @throws {DecoderError} for a folder that is not a path, and for a dtype that weights cannot have
 */
export function checkSaveOptions(folder: string, options: SaveOptions): void {
  if (typeof folder !== "string" || folder === "")
    throw new DecoderError({
      where: "savePretrained",
      expected: "the path of a folder",
      got: JSON.stringify(folder),
    });
  checkOptions("savePretrained", options, SAVE_OPTIONS);
  if (options.dtype) checkDtype(options.dtype);
}

/** Returns the config's name of a safetensors dtype; undefined if it has none. */
export function configDtype(dtype: Dtype): DecoderConfig["dtype"] | undefined {
  return CONFIG_DTYPES[dtype];
}

/** Names of the safetensors dtypes in configs. */
const CONFIG_DTYPES: Partial<Record<Dtype, DecoderConfig["dtype"]>> = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
};

/** Dtypes that weights can be saved in. */
const WEIGHT_DTYPES: readonly Dtype[] = ["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"];

function checkDtype(dtype: string): void {
  if (WEIGHT_DTYPES.some((known) => known === dtype)) return;
  const meant = Object.entries(CONFIG_DTYPES).find(([, name]) => name === dtype)?.[0];
  throw new DecoderError({
    where: "savePretrained: dtype",
    expected: `one of ${WEIGHT_DTYPES.join(", ")}`,
    got: JSON.stringify(dtype),
    ...(meant && { fix: `Its name in safetensors is ${meant}` }),
  });
}
