import { checkOptions, type OptionNames } from "@mixtape/errors";
import { type Dtype, encodeSafetensors, fromFloat32, type TensorToWrite, writeCheckpoint } from "@mixtape/safetensors";
import type { Adapter } from "./adapter/adapter.js";
import { writeMixtureConfig } from "./config/adapter-config.js";
import { AdapterError } from "./errors.js";
import { CONFIG_FILE, TENSORS_FILE } from "./files/adapter-file.js";
import { adapterTensors } from "./files/adapter-keys.js";
import { extractValues, valuesOf } from "./files/adapter-tensors.js";
import { expertLayoutFor, peftConfig, peftIncompatibilityOf } from "./files/peft-config.js";

/** Options of {@link saveAdapter}. */
export interface SaveAdapterOptions {
  /** Dtype of the tensors. Default: F32. */
  readonly dtype?: Dtype;
  /**
   * True to throw if Hugging Face peft could not load the LoRA or DoRA. Default: true for {@link saveAdapter}, false for
   * {@link adapterFiles}.
   */
  readonly peftCompatible?: boolean;
}

const OPTIONS: OptionNames<SaveAdapterOptions> = { dtype: true, peftCompatible: true };

/**
 * Saves an adapter in a folder (Node): `adapter_config.json` and `adapter_model.safetensors`, in Hugging Face peft's format, or
 * for mixtures in MoE-PEFT's names. A process that dies on the way leaves the old adapter or the new, never the config of one and
 * the tensors of the other: see `writeCheckpoint` of `@mixtape/safetensors`, whose journal {@link loadAdapter} and the next save
 * bring to its end. Other readers may see the new tensors beside the old config after a process died between two renames.
 *
 * peft takes no dropout at parameters, which routed experts and routers are there: where there are any, the file says 0.
 * @param folder made where it does not exist
 * @throws {OptionError} for an option that it does not know
 * @throws {AdapterError} where peft could not place the adapter, unless `peftCompatible` is false, and for a dtype that is none of floats.
 */
export async function saveAdapter(adapter: Adapter, folder: string, options: SaveAdapterOptions = {}): Promise<void> {
  checkOptions("saveAdapter", options, OPTIONS);
  checkDtype("saveAdapter", options);
  const config = configOf(adapter, { peftCompatible: true, ...options });
  const tensors = await tensorsOf(adapter, options);
  await writeCheckpoint(folder, tensors, { file: TENSORS_FILE, files: { [CONFIG_FILE]: config } });
}

/**
 * Returns the same files in memory, by name, as `loadAdapter` takes them.
 * @throws {AdapterError} if `peftCompatible` is true and peft could not load the adapter.
 */
export async function adapterFiles(
  adapter: Adapter,
  options: SaveAdapterOptions = {},
): Promise<Map<string, Uint8Array>> {
  checkOptions("adapterFiles", options, OPTIONS);
  checkDtype("adapterFiles", options);
  const config = configOf(adapter, options);
  return new Map([
    [CONFIG_FILE, new TextEncoder().encode(config)],
    [TENSORS_FILE, await encodeSafetensors(await tensorsOf(adapter, options), { format: "pt" })],
  ]);
}

/** Dtypes of saved tensors. */
const DTYPES: readonly Dtype[] = ["F64", "F32", "F16", "BF16"];

function checkDtype(where: string, { dtype = "F32" }: SaveAdapterOptions): void {
  if (!DTYPES.includes(dtype))
    throw new AdapterError({
      where: `${where}: dtype`,
      expected: `one of ${DTYPES.join(", ")}`,
      got: JSON.stringify(dtype),
    });
}

/** Returns why Hugging Face peft could not load a LoRA or DoRA; null if it can, and for mixtures, which it does not have. */
export function peftIncompatibility(adapter: Adapter): string | null {
  return adapter.config.method === "lora"
    ? peftIncompatibilityOf(adapter, adapter.targetModules, expertLayoutFor(adapter))
    : null;
}

function configOf(adapter: Adapter, { peftCompatible = false }: SaveAdapterOptions): string {
  if (adapter.config.method !== "lora") return `${JSON.stringify(writeMixtureConfig(adapter.config), null, 2)}\n`;
  const layout = expertLayoutFor(adapter);
  const refusal = peftCompatible ? peftIncompatibility(adapter) : null;
  if (refusal)
    throw new AdapterError({
      where: `save ${adapter.name}`,
      expected: "an adapter that Hugging Face peft can place",
      got: refusal,
      fix: { option: "peftCompatible", value: false, text: (option) => `Pass ${option} to save it for use here alone` },
    });
  return `${JSON.stringify(peftConfig(adapter, adapter.targetModules, layout), null, 2)}\n`;
}

async function tensorsOf(adapter: Adapter, { dtype = "F32" }: SaveAdapterOptions): Promise<TensorToWrite[]> {
  const files: TensorToWrite[] = [];
  for (const { param, tensors } of adapterTensors(adapter, expertLayoutFor(adapter))) {
    const values = await valuesOf(param);
    for (const tensor of tensors) {
      const bytes = fromFloat32(extractValues(tensor, values), dtype);
      files.push({ name: tensor.name, dtype, shape: tensor.shape, bytes: async () => bytes });
    }
  }
  return files;
}
