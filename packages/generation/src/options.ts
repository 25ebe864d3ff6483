import type { DecoderConfig, GenerationConfig } from "@mixtape/config";
import type { OptionNames } from "@mixtape/errors";
import { GenerationError } from "./generation-error.js";
import { contextLimit } from "./prompts.js";

/** How tokens are chosen, and when to stop. What is left out is as the model's generation config says, or the default. */
export interface GenerationOptions {
  /**
   * How many tokens to write at most. Default 20, as in the reference; where the model's generation config has `max_length` and
   * no `max_new_tokens`, so many that prompt and text are that long together.
   */
  readonly maxNewTokens?: number;
  /** Draw tokens by their probability rather than take the likeliest. Default: yes if a temperature above 0 is given. */
  readonly doSample?: boolean;
  /** What logits are divided by before sampling, above 0; 0 means greedy. Default 1. */
  readonly temperature?: number;
  /** Sample among the k likeliest tokens; 0 for all. Default 50, as in the reference. */
  readonly topK?: number;
  /** Sample among the likeliest tokens that make up this share of the probability, in (0, 1]. Default 1. */
  readonly topP?: number;
  /** Drop tokens less likely than this share of the likeliest one's probability, in [0, 1]. Default 0. */
  readonly minP?: number;
  /** What logits of tokens that have occurred are divided by (multiplied with, if negative), above 0. Default 1. */
  readonly repetitionPenalty?: number;
  /** Same seed, same text, on any engine that does not round activations; row r of a batch draws as it would in any other batch. Default: by chance. */
  readonly seed?: number;
  /** The token, or the tokens, that end a text; null to go on regardless. Default: the model's. */
  readonly eosTokenId?: number | readonly number[] | null;
  /** What fills rows that are shorter or have ended. Nothing sees it. Default: the model's, else the first end token. */
  readonly padTokenId?: number;
  /** Default: the model's `generation_config.json`. */
  readonly defaults?: GenerationConfig;
  /** Ends a row with the reason "stop" where it returns true. Called with every new token's row and new ids. */
  readonly stopWhen?: (row: number, newIds: readonly number[]) => boolean;
  /** Aborts between two tokens: the iteration throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What generation of tokens may be told, by name. */
export const GENERATION_OPTIONS: OptionNames<GenerationOptions> = {
  maxNewTokens: true,
  doSample: true,
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  repetitionPenalty: true,
  seed: true,
  eosTokenId: true,
  padTokenId: true,
  defaults: true,
  stopWhen: true,
  signal: true,
};

/** Options with every default filled in. */
export interface Settings {
  /** How many tokens to write at most. */
  readonly maxNewTokens: number;
  /** How long prompt and text may be together. */
  readonly maxLength: number;
  /** Whether tokens are drawn. The likeliest is taken otherwise. */
  readonly doSample: boolean;
  /** What logits are divided by. */
  readonly temperature: number;
  /** How many of the likeliest tokens are drawn from; 0 for all. */
  readonly topK: number;
  /** The share of the probability that is drawn from. */
  readonly topP: number;
  /** The share of the likeliest token's probability below which none is drawn. */
  readonly minP: number;
  /** What logits of tokens that have occurred are divided by. */
  readonly repetitionPenalty: number;
  /** What draws follow from. */
  readonly seed: number;
  /** The tokens that end a text. */
  readonly eosTokenIds: ReadonlySet<number>;
  /** What fills rows that are shorter or have ended. */
  readonly padTokenId: number;
}

/**
 * What is given, else what the model's generation config says, else the default.
 * @throws {GenerationError} naming the option that is out of its range.
 */
export function resolveOptions(options: GenerationOptions, config: DecoderConfig): Settings {
  const { defaults = {} } = options;
  const temperature = options.temperature ?? defaults.temperature ?? 1;
  const wanted = options.temperature === undefined ? defaults.doSample : options.temperature > 0;
  const eos = options.eosTokenId === undefined ? (defaults.eosTokenId ?? config.eosTokenId) : options.eosTokenId;
  const eosTokenIds = new Set([eos ?? []].flat());
  const maxNewTokens = options.maxNewTokens ?? defaults.maxNewTokens;
  // A length in new tokens goes before one in all.
  const maxLength = maxNewTokens === undefined ? defaults.maxLength : undefined;
  const settings: Settings = {
    maxNewTokens: maxNewTokens ?? maxLength ?? 20,
    maxLength: Math.min(maxLength ?? Infinity, contextLimit(config)),
    doSample: (options.doSample ?? wanted ?? false) && temperature > 0,
    temperature,
    topK: options.topK ?? defaults.topK ?? 50,
    topP: options.topP ?? defaults.topP ?? 1,
    minP: options.minP ?? defaults.minP ?? 0,
    repetitionPenalty: options.repetitionPenalty ?? defaults.repetitionPenalty ?? 1,
    seed: options.seed ?? Math.floor(Math.random() * 2 ** 31),
    eosTokenIds,
    padTokenId: options.padTokenId ?? defaults.padTokenId ?? config.padTokenId ?? [...eosTokenIds][0] ?? 0,
  };
  check(settings, config.vocabSize);
  return settings;
}

function check(settings: Settings, vocabSize: number): void {
  const whole = Number.isSafeInteger;
  expect(settings, "maxNewTokens", (n) => whole(n) && n >= 1, "a whole number of at least 1");
  expect(settings, "temperature", (t) => t >= 0 && t < Infinity, "a number of at least 0");
  expect(settings, "topK", (k) => whole(k) && k >= 0, "a whole number of at least 0");
  expect(settings, "topP", (p) => p > 0 && p <= 1, "a number above 0 and at most 1");
  expect(settings, "minP", (p) => p >= 0 && p <= 1, "a number from 0 to 1");
  expect(settings, "repetitionPenalty", (p) => p > 0 && p < Infinity, "a number above 0");
  expect(settings, "seed", whole, "a whole number");
  expect(settings, "padTokenId", (id) => whole(id) && id >= 0 && id < vocabSize, `a token id below ${vocabSize}`);
}

function expect<K extends keyof Settings>(
  settings: Settings,
  where: K,
  fits: (value: Settings[K]) => boolean,
  expected: string,
): void {
  if (!fits(settings[where])) throw new GenerationError({ where, expected, got: `${settings[where]}` });
}
