import type { PreTrainedModel } from "@mixtape/decoder";
import { checkOptions } from "@mixtape/errors";
import type { Adapter } from "./adapter/adapter.js";
import { Adapters } from "./adapter/adapters.js";
import { buildAdapter } from "./adapter/build-adapter.js";
import { initializeAdapter } from "./adapter/initialize-adapter.js";
import { type AdapterConfig, type AdapterConfigInput, adapterConfig } from "./config/adapter-config.js";
import { checkArguments } from "./config/check-arguments.js";
import { AdapterError } from "./errors.js";
import { trainedCopies } from "./layers/trained-copies.js";
import { matchTargetModules } from "./targets/match-target-modules.js";
import { peftTaskOf } from "./targets/task-types.js";

const ofModels = new WeakMap<PreTrainedModel, Adapters>();

/** Returns the adapters of a model. */
export function adaptersOf(model: PreTrainedModel): Adapters {
  const known = ofModels.get(model);
  if (known) return known;
  const adapters = new Adapters(model);
  ofModels.set(model, adapters);
  return adapters;
}

/** Options of {@link applyAdapter}. */
export interface ApplyOptions {
  /** Name of the adapter among those of the model. Default: `default`. */
  readonly name?: string;
  /** Seed of the initial values, which are the same on any engine. Default: 0. */
  readonly seed?: number;
}

/**
 * Puts a new adapter on a model, ready to be trained, and selects it. The model's own parameters are unchanged;
 * the adapter is a no-op until it is trained. With a LoRA of a classifier or question answerer its head trains too, as a
 * copy in the adapter (`modulesToSave`), as in Hugging Face peft; a mixture of LoRA experts leaves the head as it is.
 *
 * @returns the adapter, whose `table` says what trains, parameters by module
 * @throws {OptionError} for an option that it does not know
 * @throws {AdapterError} where a target matches nothing, the method is unknown or the name is taken
 * @throws {ConfigError} where a field is out of its range, such as a rank of 0
 */
export async function applyAdapter(
  model: PreTrainedModel,
  input: AdapterConfigInput,
  options: ApplyOptions = {},
): Promise<Adapter> {
  checkOptions("applyAdapter", options, { name: true, seed: true });
  checkArguments("applyAdapter", { model, ...options });
  const { name = "default", seed = 0 } = options;
  const adapters = adaptersOf(model);
  const given = adapterConfig(input);
  checkNew(given);
  trainedCopies(model, adapters.targetModules, given);
  const { taskType, modulesToSave } = peftTaskOf(model);
  const config = withModules(given, modulesToSave);
  // A name that peft writes need not match.
  const copies = trainedCopies(model, adapters.targetModules, config, { strict: false });
  const targets = matchTargetModules(adapters.targetModules, config);
  const adapter = buildAdapter(name, config, adapters.targetModules, targets, copies, taskType);
  try {
    await initializeAdapter(adapter, seed);
    adapter.unfreeze();
    adapters.add(adapter);
  } catch (error) {
    adapter.dispose();
    throw error;
  }
  return adapter;
}

/** Adds modules that train in full, as Hugging Face peft does by the task. */
function withModules(config: AdapterConfig, modules: readonly string[]): AdapterConfig {
  if (config.method !== "lora" || modules.length === 0) return config;
  return { ...config, modulesToSave: [...new Set([...(config.modulesToSave ?? []), ...modules])] };
}

/** Refuses options that only files have. */
function checkNew(config: AdapterConfig): void {
  if (config.method !== "lora") return;
  const { initLoraWeights, trainableTokenIndices } = config;
  if (initLoraWeights !== true && initLoraWeights !== "gaussian")
    throw new AdapterError({
      where: "initLoraWeights",
      expected: 'true or "gaussian" for a new adapter',
      got: JSON.stringify(initLoraWeights),
    });
  if (trainableTokenIndices !== undefined)
    throw new AdapterError({
      where: "trainableTokenIndices",
      expected: "nothing for a new adapter",
      got: JSON.stringify(trainableTokenIndices),
      fix: 'Train the whole embedding with modulesToSave: ["embed_tokens"], and the head with "lm_head"',
    });
}
