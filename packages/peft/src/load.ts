import type { CausalLM } from "@mixtape/decoder";
import { checkOptions } from "@mixtape/errors";
import {
  type CheckpointSource,
  openCheckpoint,
  readJsonFile,
  SafetensorsNotFoundError,
  type TensorSource,
  toFloat32,
} from "@mixtape/safetensors";
import type { Adapter } from "./adapter.js";
import { adaptersOf } from "./apply.js";
import { readAdapterConfig } from "./config.js";
import { AdapterError } from "./errors.js";
import { makeAdapter } from "./make.js";
import { layoutOf, storedTensors } from "./names.js";
import { loadValues, type StoredParam } from "./stored.js";
import { targeted } from "./targets.js";

export const CONFIG_FILE = "adapter_config.json";
export const TENSORS_FILE = "adapter_model.safetensors";

/** What {@link loadAdapter} may be told besides. */
export interface LoadAdapterOptions {
  /** What the adapter is called among those of the model. `default` unless given. */
  readonly name?: string;
  /** Keys of `adapter_config.json` that nothing here knows and that do not change what the adapter computes. */
  readonly ignore?: readonly string[];
}

/**
 * Loads an adapter onto a model, frozen, and selects it: LoRA, rsLoRA and DoRA as Hugging Face peft saves them, and all kinds as
 * they are saved here.
 *
 * @param source a folder (Node), the URL of one, or a map of file names to contents
 * @throws {OptionError} for an option that it does not know
 * @throws {AdapterError} for an adapter of another model, listing all missing, unexpected and wrongly shaped tensors
 * @throws {ConfigError} for a key of the config that means something else than what is done here
 */
export async function loadAdapter(
  model: CausalLM,
  source: CheckpointSource,
  options: LoadAdapterOptions = {},
): Promise<Adapter> {
  checkOptions("loadAdapter", options, { name: true, ignore: true });
  const { name = "default", ignore = [] } = options;
  const adapters = adaptersOf(model);
  const { json, where } = await readJsonFile(source, CONFIG_FILE, AdapterError);
  if (!json) throw isMissing(where, TENSORS_FILE);
  const config = readAdapterConfig(json, { where, ignore });
  const adapter = makeAdapter(name, config, adapters.sites, targeted(adapters.sites, config, false));
  const tensors = where.slice(0, -CONFIG_FILE.length) + TENSORS_FILE;
  const file = await openTensors(source, tensors);
  try {
    await fill(storedTensors(adapter, layoutOf(file.names)), file, tensors);
    adapters.add(adapter);
    return adapter;
  } catch (error) {
    adapter.dispose();
    throw error;
  } finally {
    await file.close();
  }
}

async function openTensors(source: CheckpointSource, where: string): Promise<TensorSource> {
  try {
    return await openCheckpoint(source, { file: TENSORS_FILE });
  } catch (cause) {
    throw cause instanceof SafetensorsNotFoundError ? isMissing(where, CONFIG_FILE, cause) : cause;
  }
}

function isMissing(where: string, other: string, cause?: unknown): AdapterError {
  const fix = `The folder of an adapter has it beside ${other}`;
  return new AdapterError({ where, expected: "a file", got: "none", fix, cause });
}

async function fill(stored: readonly StoredParam[], file: TensorSource, where: string): Promise<void> {
  const wanted = stored.flatMap(({ tensors }) => tensors);
  const known = new Set(wanted.map(({ name }) => name));
  const faults = [
    ...wanted.flatMap(({ name, shape }) => {
      if (!file.has(name)) return [`missing ${name}`];
      const found = file.tensor(name).shape;
      return found.join() === shape.join() ? [] : [`${name} is [${found}] and should be [${shape}]`];
    }),
    ...file.names.filter((name) => !known.has(name)).map((name) => `unexpected ${name}`),
  ];
  if (faults.length > 0)
    throw new AdapterError({
      where,
      expected: "the tensors that its config and the model ask for",
      got: `${faults.length} ${faults.length === 1 ? "fault" : "faults"}:\n  ${faults.join("\n  ")}\n`,
      fix: "The adapter belongs to another model, or its file to another config",
    });
  for (const { param, tensors } of stored) {
    const values = new Float32Array(param.size);
    for (const { name, at } of tensors) {
      const view = file.tensor(name);
      toFloat32(await view.read(), view.dtype).forEach((value, i) => {
        values[at(i)] = value;
      });
    }
    await loadValues(tensors[0]!.name, param, values);
  }
}
