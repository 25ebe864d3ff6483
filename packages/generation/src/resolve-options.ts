import { type DecoderConfig, type GenerationConfig, generationConfigFaults } from "@mixtape/config";
import type { ForCausalLM } from "@mixtape/decoder";
import { checkOptions } from "@mixtape/errors";
import { checkResolved } from "./check-options.js";
import { GenerationError } from "./generation-error.js";
import { GENERATION_OPTIONS, type GenerationOptions, type ResolvedOptions } from "./options.js";
import { contextLimit, kindOf } from "./prompts.js";

/** The parts of a model that options are resolved against. */
export type GenerationDefaults = Pick<ForCausalLM, "config" | "generationConfig">;

/**
 * Fills in the defaults: what is given, else what the generation config says (`defaults`, or the model's), else the default.
 * @param model or its `config` and `generationConfig`
 * @throws {GenerationError} naming the option that is out of its range, and the file that it comes from where it is not the call's;
 * also for values of that file that cannot be used and that the call does not override.
 */
export function resolveOptions(options: GenerationOptions, model: GenerationDefaults): ResolvedOptions {
  checkOptions("resolveOptions", options, GENERATION_OPTIONS);
  checkModel(model);
  const { config } = model;
  const defaults = options.defaults ?? model.generationConfig;
  const given = { ...defaults, ...withoutUndefined(options) };
  const temperature = given.temperature ?? 1;
  const wanted = options.temperature === undefined ? defaults.doSample : options.temperature > 0;
  const eosTokenIds = new Set([endTokens(options, defaults, config) ?? []].flat());
  const maxNewTokens = given.maxNewTokens;
  // A length in new tokens takes precedence over one in all.
  const maxLength = maxNewTokens === undefined ? defaults.maxLength : undefined;
  const resolved: ResolvedOptions = {
    maxNewTokens: maxNewTokens ?? maxLength ?? 20,
    maxLength: Math.min(maxLength ?? Infinity, contextLimit(config)),
    minNewTokens: given.minNewTokens ?? 0,
    minLength: given.minLength ?? 0,
    doSample: (options.doSample ?? wanted ?? false) && options.temperature !== 0,
    temperature,
    topK: given.topK ?? 50,
    topP: given.topP ?? 1,
    minP: given.minP ?? 0,
    topH: given.topH ?? null,
    typicalP: given.typicalP ?? 1,
    epsilonCutoff: given.epsilonCutoff ?? 0,
    etaCutoff: given.etaCutoff ?? 0,
    repetitionPenalty: given.repetitionPenalty ?? 1,
    noRepeatNgramSize: given.noRepeatNgramSize ?? 0,
    badWordsIds: given.badWordsIds ?? [],
    sequenceBias: given.sequenceBias ?? [],
    suppressTokens: given.suppressTokens ?? [],
    beginSuppressTokens: given.beginSuppressTokens ?? [],
    forcedBosTokenId: given.forcedBosTokenId ?? null,
    forcedEosTokenId: given.forcedEosTokenId ?? null,
    exponentialDecayLengthPenalty: given.exponentialDecayLengthPenalty ?? null,
    seed: options.seed ?? Math.floor(Math.random() * 2 ** 31),
    eosTokenIds,
    padTokenId: given.padTokenId ?? config.padTokenId ?? [...eosTokenIds][0] ?? 0,
  };
  checkResolved(resolved, options, defaults, config);
  return resolved;
}

/** As in the reference, a generation config that was read from a file says all about end tokens, even by saying nothing. */
function endTokens(
  options: GenerationOptions,
  defaults: GenerationConfig,
  config: DecoderConfig,
): number | readonly number[] | null | undefined {
  if (options.eosTokenId !== undefined) return options.eosTokenId;
  return generationConfigFaults(defaults) ? defaults.eosTokenId : (defaults.eosTokenId ?? config.eosTokenId);
}

function withoutUndefined(options: GenerationOptions): Omit<GenerationOptions, "eosTokenId"> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/**
 * A model's config alone would leave its generation config out in silence.
 * @throws {GenerationError} for what is no model
 */
export function checkModel(model: unknown): void {
  const { config, generationConfig } = (model ?? {}) as Partial<GenerationDefaults>;
  if (typeof config === "object" && typeof generationConfig === "object") return;
  throw new GenerationError({
    where: "model",
    expected: "a model, as loadModel gives it",
    got: isObject(model) && "vocabSize" in model ? "a config" : kindOf(model),
    fix: "resolveOptions takes the model itself too, not model.config: its generation config counts",
  });
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
