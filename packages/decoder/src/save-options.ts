import type { DecoderConfig } from "@mixtape/config";
import { checkOptions, type OptionNames } from "@mixtape/errors";
import type { Dtype } from "@mixtape/safetensors";
import { DecoderError } from "./errors.js";
import type { SaveProgress } from "./save.js";

/** Options of saving a model. */
export interface SaveOptions {
  /** The dtype of all parameters but those that the family keeps in float32, of floating point; each keeps that of the checkpoint that it came from where absent. */
  readonly dtype?: Dtype;
  /** Larger checkpoints are split into shards of at most that size. */
  readonly maxShardBytes?: number;
  /** More files that belong with the checkpoint, such as those of its tokenizer. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Called after each tensor, with bytes of the checkpoint. */
  readonly onProgress?: (progress: SaveProgress) => void;
  /** Stops between two tensors: what was in the folder before stays. */
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
 * Checks options of saving.
 * @throws {OptionError} for an option that it does not know
 * @throws {DecoderError} for a folder that is no path, and for a dtype that weights cannot have
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

/** The name that a config has for a dtype of safetensors; undefined where it has none. */
export function configDtype(dtype: Dtype): DecoderConfig["dtype"] | undefined {
  return CONFIG_DTYPES[dtype];
}

/** How configs call the dtypes of safetensors. */
const CONFIG_DTYPES: Partial<Record<Dtype, DecoderConfig["dtype"]>> = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
};

/** The dtypes that weights can be saved in. */
const WEIGHT_DTYPES: readonly Dtype[] = ["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"];

function checkDtype(dtype: string): void {
  if (WEIGHT_DTYPES.some((known) => known === dtype)) return;
  const meant = Object.entries(CONFIG_DTYPES).find(([, name]) => name === dtype)?.[0];
  throw new DecoderError({
    where: "savePretrained: dtype",
    expected: `one of ${WEIGHT_DTYPES.join(", ")}`,
    got: JSON.stringify(dtype),
    ...(meant && { fix: `As safetensors calls it, that is ${meant}` }),
  });
}
