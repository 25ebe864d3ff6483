import type { PreTrainedModel } from "@mixtape/decoder";
import { checkOptions, checkOptionTypes, type OptionNames } from "@mixtape/errors";
import { type CheckpointSource, type FetchOptions, readJsonFile, toFloat32 } from "@mixtape/safetensors";
import type { Adapter } from "./adapter/adapter.js";
import { buildAdapter } from "./adapter/build-adapter.js";
import { adaptersOf } from "./apply.js";
import { type AdapterConfig, readAdapterConfig } from "./config/adapter-config.js";
import { checkArguments } from "./config/check-arguments.js";
import { AdapterError } from "./errors.js";
import { AdapterFile, CONFIG_FILE, noConfig, TENSORS_FILE } from "./files/adapter-file.js";
import { adapterTensors, expertLayoutOf } from "./files/adapter-keys.js";
import { type AdapterTensor, loadValues, type ParamTensors, valuesOf } from "./files/adapter-tensors.js";
import { baseCopies } from "./files/base-copies.js";
import { modulesOf } from "./files/peft-keys.js";
import { tokenCopies } from "./files/token-copies.js";
import type { CopiedParam } from "./layers/copied-param.js";
import { trainedCopies } from "./layers/trained-copies.js";
import { matchTargetModules, matchTargetModulesInFile } from "./targets/match-target-modules.js";
import type { TargetModule } from "./targets/target-module.js";
import { peftTaskOf } from "./targets/task-types.js";

/** Options of {@link loadAdapter}. */
export interface LoadAdapterOptions {
  /** Name of the adapter among those of the model. Default: `default`. */
  readonly name?: string;
  /** Unknown keys of `adapter_config.json` that do not change the adapter's output. */
  readonly ignore?: readonly string[];
  /**
   * Called for each part of the files that is ignored, as Hugging Face peft ignores it, and if a server forces the download of a
   * whole file. Default: `console.warn`.
   */
  readonly onWarning?: (message: string) => void;
  /** Aborts requests and reading: the promise then rejects with the signal's reason, and the model has no such adapter. */
  readonly signal?: AbortSignal;
  /** Options of requests if the source is a URL, as in `loadModel`. */
  readonly fetchOptions?: Omit<FetchOptions, "signal" | "onWarning">;
}

const OPTIONS: OptionNames<LoadAdapterOptions> = {
  name: true,
  ignore: true,
  onWarning: true,
  signal: true,
  fetchOptions: true,
};

/**
 * Loads an adapter onto a model, frozen, and selects it: LoRA, rsLoRA and DoRA as Hugging Face peft saves them, and all kinds as
 * they are saved here.
 *
 * As in peft, a target that the file has no tensors for stays as it is in the model, and tensors that nothing asks for are passed
 * over; both with a warning. A file with both is another model's, and refused.
 *
 * @param source a folder (Node), the URL of one, or a map of file names to contents
 * @throws {OptionError} for an option that it does not know
 * @throws {AdapterError} for an adapter of another model, listing all missing, unexpected and wrongly shaped tensors, and for a
 * type of adapter or a feature that is not here
 * @throws {ConfigError} for a key of the config that has no such value
 */
export async function loadAdapter(
  model: PreTrainedModel,
  source: CheckpointSource,
  options: LoadAdapterOptions = {},
): Promise<Adapter> {
  checkOptions("loadAdapter", options, OPTIONS);
  checkOptionTypes("loadAdapter", options, { signal: "signal" });
  checkArguments("loadAdapter", { model, ...options });
  const { name = "default", ignore = [], onWarning = (message) => console.warn(message) } = options;
  const { signal, fetchOptions } = options;
  const fetching: FetchOptions = { ...fetchOptions, ...(signal && { signal }), onWarning };
  signal?.throwIfAborted();
  const adapters = adaptersOf(model);
  const { json, where } = await readJsonFile(source, CONFIG_FILE, AdapterError, fetching);
  if (!json) throw noConfig(where);
  const config = readAdapterConfig(json, { where, ignore, onWarning });
  const file = await AdapterFile.open(source, {
    where: where.slice(0, -CONFIG_FILE.length) + TENSORS_FILE,
    isPeft: config.method === "lora",
    fetching,
  });
  let adapter: Adapter | undefined;
  try {
    const { targetModules } = adapters;
    const { chosen, absent } = targetsWith(targetModules, config, file);
    adapter = buildAdapter(
      name,
      config,
      targetModules,
      chosen,
      await copiesIn(model, targetModules, config, file, chosen),
      peftTaskOf(model).taskType,
    );
    const stored = adapterTensors(adapter, expertLayoutOf(file.names));
    check(stored, absent, file, onWarning);
    await fill(stored, file, signal);
    adapters.add(adapter);
    return adapter;
  } catch (error) {
    adapter?.dispose();
    throw error;
  } finally {
    await file.close();
  }
}

/** Returns the targets that the file has tensors for, and those that only its config asks for. */
function targetsWith(
  all: readonly TargetModule[],
  config: AdapterConfig,
  file: AdapterFile,
): { chosen: readonly TargetModule[]; absent: readonly TargetModule[] } {
  if (config.method !== "lora") return { chosen: matchTargetModules(all, config), absent: [] };
  const layout = expertLayoutOf(file.names);
  const targets = matchTargetModulesInFile(all, config, layout);
  const isThere = (target: TargetModule): boolean =>
    modulesOf(target, layout, targets).some((module) => file.hasModule(module)) ||
    (target.kind === "experts" && file.hasModule(`base_model.model.${target.peftModule}`));
  // peft takes linear maps that are called as experts' matrices for these, and does not look for them.
  const ofExperts = new Set(all.flatMap(({ perExpert }) => (perExpert ? [leafOf(perExpert)] : [])));
  const isSought = ({ kind, name }: TargetModule): boolean => kind !== "linear" || !ofExperts.has(leafOf(name));
  return {
    chosen: targets.filter(isThere),
    absent: targets.filter((target) => !isThere(target) && isSought(target)),
  };
}

function leafOf(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

/** Creates the adapter's own copies of parameters of the model. */
async function copiesIn(
  model: PreTrainedModel,
  targets: readonly TargetModule[],
  config: AdapterConfig,
  file: AdapterFile,
  layers: readonly TargetModule[],
): Promise<CopiedParam[]> {
  if (config.method !== "lora") return [];
  const trained = [...trainedCopies(model, targets, config, { strict: false }), ...tokenCopies(model, targets, config)];
  return [...trained, ...(await baseCopies(model, targets, file, { layers, trained }))];
}

function check(
  stored: readonly ParamTensors[],
  absent: readonly TargetModule[],
  file: AdapterFile,
  onWarning: (message: string) => void,
): void {
  const faults = stored.flatMap(({ tensors }) => tensors.flatMap((tensor) => faultOf(tensor, file)));
  const { unread, where } = file;
  const experts = unread.find((name) => /\.experts(\.\d+)?\.(?!.*lora_)/.test(name));
  if (experts !== undefined)
    throw new AdapterError({
      where,
      expected: "an adapter without weights of routed experts in full, which are not done here",
      got: experts,
      fix: "Merge the adapter in Hugging Face peft (merge_and_unload), and load the model that it saves",
    });
  const missing = absent.map(({ name }) => `missing all of ${name}`);
  const unexpected = unread.map((name) => `unexpected ${name}`);
  if (faults.length > 0 || stored.length === 0 || (missing.length > 0 && unread.length > 0))
    throw notFitting(where, [...faults, ...missing, ...unexpected]);
  if (missing.length > 0)
    onWarning(`${where}: no tensors for ${listOf(absent.map(({ name }) => name))}, which stay as they are`);
  if (unread.length > 0)
    onWarning(`${where}: passed over ${listOf(unread)}, which ${CONFIG_FILE} and the model do not ask for`);
}

/** Describes what is wrong with a tensor of the file. */
function faultOf({ name, aliases = [], shape }: AdapterTensor, file: AdapterFile): string[] {
  const found = file.find(name, ...aliases);
  if (!found) return [`missing ${name}`];
  return found.shape.join() === shape.join() ? [] : [`${name} is [${found.shape}] and should be [${shape}]`];
}

const MAX_LISTED = 50;

function notFitting(where: string, faults: readonly string[]): AdapterError {
  const more = faults.length > MAX_LISTED ? [`and ${faults.length - MAX_LISTED} more`] : [];
  const list = [...faults.slice(0, MAX_LISTED), ...more].join("\n  ");
  return new AdapterError({
    where,
    expected: "the tensors that its config and the model ask for",
    got: faults.length === 0 ? "none" : `${faults.length} ${faults.length === 1 ? "fault" : "faults"}:\n  ${list}\n`,
    fix: faults.some((fault) => /(embed_tokens|lm_head)\S* is /.test(fault))
      ? "The adapter belongs to a model with another vocabulary: resize the model's embeddings first"
      : "The adapter belongs to another model, or its file to another config",
  });
}

function listOf(names: readonly string[]): string {
  const [first, ...rest] = names;
  return rest.length === 0 ? `${first}` : `${first} and ${rest.length} more`;
}

async function fill(
  stored: readonly ParamTensors[],
  file: AdapterFile,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const { param, tensors, from } of stored) {
    signal?.throwIfAborted();
    const values = from ? Float32Array.from(await valuesOf(from)) : new Float32Array(param.size);
    for (const { name, aliases = [], at } of tensors) {
      const view = file.find(name, ...aliases)!;
      toFloat32(await view.read(), view.dtype).forEach((value, i) => {
        values[at(i)] = value;
      });
    }
    await loadValues(tensors[0]!.name, param, values);
  }
}
