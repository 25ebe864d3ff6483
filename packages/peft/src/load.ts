import type { CausalLM } from "@mixtape/decoder";
import {
  type CheckpointSource,
  openSafetensors,
  readSideFile,
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
 * @throws {AdapterError} for an adapter of another model, listing all missing, unexpected and wrongly shaped tensors
 * @throws {ConfigError} for a key of the config that means something else than what is done here
 */
export async function loadAdapter(
  model: CausalLM,
  source: CheckpointSource,
  { name = "default", ignore = [] }: LoadAdapterOptions = {},
): Promise<Adapter> {
  const adapters = adaptersOf(model);
  const where = fileOf(source, CONFIG_FILE);
  const config = readAdapterConfig(await readJson(source), { where: String(where), ignore });
  const adapter = makeAdapter(name, config, adapters.sites, targeted(adapters.sites, config, false));
  const file = await openSafetensors(where === CONFIG_FILE ? await bytesOf(source) : fileOf(source, TENSORS_FILE));
  try {
    await fill(storedTensors(adapter, layoutOf(file.names)), file, String(fileOf(source, TENSORS_FILE)));
    adapters.add(adapter);
    return adapter;
  } catch (error) {
    adapter.dispose();
    throw error;
  } finally {
    await file.close();
  }
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

async function readJson(source: CheckpointSource): Promise<Record<string, unknown>> {
  const bytes = await readSideFile(source, CONFIG_FILE);
  const where = String(fileOf(source, CONFIG_FILE));
  if (!bytes)
    throw new AdapterError({ where, expected: "a file", got: "none", fix: "Is this the folder of an adapter?" });
  try {
    const json: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof json === "object" && json !== null && !Array.isArray(json)) return { ...json };
    throw new TypeError(`it is ${Array.isArray(json) ? "a list" : String(json)}`);
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new AdapterError({ where, expected: "a JSON object in UTF-8", got, cause });
  }
}

/** The place of a file of a folder; of a map of files its name. */
function fileOf(source: CheckpointSource, file: string): string | URL {
  if (source instanceof Map) return file;
  if (source instanceof URL || /^(https?|file):/i.test(String(source))) {
    const url = new URL(String(source));
    url.pathname = `${url.pathname.replace(/\/$/, "")}/${file}`;
    return url;
  }
  return `${String(source).replace(/\/$/, "")}/${file}`;
}

async function bytesOf(source: CheckpointSource): Promise<Uint8Array> {
  const bytes = await readSideFile(source, TENSORS_FILE);
  if (bytes) return bytes;
  throw new AdapterError({ where: TENSORS_FILE, expected: "a file", got: "none" });
}
