import type { ForCausalLM } from "@mixtape/decoder";
import { checkOptions } from "@mixtape/errors";
import type { Adapter } from "./adapter/adapter.js";
import { Adapters } from "./adapter/adapters.js";
import { makeAdapter } from "./adapter/build-adapter.js";
import { start } from "./adapter/initialize-adapter.js";
import { type AdapterConfig, type AdapterConfigInput, adapterConfig } from "./config/adapter-config.js";
import { checkArguments } from "./config/check-arguments.js";
import { AdapterError } from "./errors.js";
import { trainedCopies } from "./layers/trained-copies.js";
import { targetsOf } from "./targets/match-target-modules.js";

const ofModels = new WeakMap<ForCausalLM, Adapters>();

/** The adapters of a model. */
export function adaptersOf(model: ForCausalLM): Adapters {
  const known = ofModels.get(model);
  if (known) return known;
  const adapters = new Adapters(model);
  ofModels.set(model, adapters);
  return adapters;
}

/** What {@link applyAdapter} may be told besides. */
export interface ApplyOptions {
  /** What the adapter is called among those of the model. `default` unless given. */
  readonly name?: string;
  /** Same seed, same first values, on any engine. Default 0. */
  readonly seed?: number;
}

/**
 * Puts a new adapter on a model, ready to be trained, and selects it. The model's own parameters stay what and where they are;
 * the adapter changes nothing until it has been trained.
 *
 * @returns the adapter, whose `table` says what trains, parameters by module
 * @throws {OptionError} for an option that it does not know
 * @throws {AdapterError} where a target matches nothing, the method is unknown or the name is taken
 * @throws {ConfigError} where a field is out of its range, such as a rank of 0
 */
export async function applyAdapter(
  model: ForCausalLM,
  input: AdapterConfigInput,
  options: ApplyOptions = {},
): Promise<Adapter> {
  checkOptions("applyAdapter", options, { name: true, seed: true });
  checkArguments("applyAdapter", { model, ...options });
  const { name = "default", seed = 0 } = options;
  const adapters = adaptersOf(model);
  const config = adapterConfig(input);
  checkNew(config);
  const copies = trainedCopies(model, adapters.sites, config);
  const adapter = makeAdapter(name, config, adapters.sites, targetsOf(adapters.sites, config), copies);
  try {
    await start(adapter, seed);
    adapter.unfreeze();
    adapters.add(adapter);
  } catch (error) {
    adapter.dispose();
    throw error;
  }
  return adapter;
}

/** Refuses what only files have. */
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
