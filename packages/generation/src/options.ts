import type { GenerationConfig } from "@mixtape/config";
import type { CausalLMInputs } from "@mixtape/decoder";
import type { OptionNames } from "@mixtape/errors";

/** The options that are as `generation_config.json` has them. Defaults leave the choice of tokens alone. */
type SharedOptions = Pick<
  GenerationConfig,
  | "minNewTokens"
  | "minLength"
  | "topH"
  | "typicalP"
  | "epsilonCutoff"
  | "etaCutoff"
  | "noRepeatNgramSize"
  | "badWordsIds"
  | "sequenceBias"
  | "suppressTokens"
  | "beginSuppressTokens"
  | "forcedBosTokenId"
  | "forcedEosTokenId"
  | "exponentialDecayLengthPenalty"
>;

/** Options of generation. The model's generation config, then the default, stands in for what is left out. */
export interface GenerationOptions extends SharedOptions {
  /**
   * Maximum number of new tokens. Default 20, as in the reference; where the model's generation config has `max_length` and no
   * `max_new_tokens`, as many as prompt and text have room for within it.
   */
  readonly maxNewTokens?: number;
  /** Samples tokens by their probability rather than taking the likeliest. Default: true if a temperature above 0 is given. */
  readonly doSample?: boolean;
  /** Divides the logits before sampling, above 0; 0 means greedy. Default 1. */
  readonly temperature?: number;
  /** Samples among the k likeliest tokens; 0 for all. Default 50, as in the reference. */
  readonly topK?: number;
  /** Samples among the likeliest tokens that make up this share of the probability, from 0 (the likeliest alone) to 1. Default 1. */
  readonly topP?: number;
  /** Drops tokens less likely than this share of the likeliest one's probability, in [0, 1]. Default 0. */
  readonly minP?: number;
  /** Divides logits of tokens that have occurred (multiplies them, if negative), above 0. Default 1. */
  readonly repetitionPenalty?: number;
  /** Seeds sampling: same seed, same text, on any engine that does not round activations; row r of a batch draws as it would in any other batch. Default: random. */
  readonly seed?: number;
  /** The token, or the tokens, that end a text; null to go on regardless. Default: the model's. */
  readonly eosTokenId?: number | readonly number[] | null;
  /** The token that fills rows that are shorter. Nothing sees it. Default: the model's, else the first end token. */
  readonly padTokenId?: number;
  /** Takes the place of the model's `generation_config.json`. */
  readonly defaults?: GenerationConfig;
  /** Ends a row with the reason "stop" where it returns true. Called with every new token's row and new ids. */
  readonly stopWhen?: (row: number, newIds: readonly number[]) => boolean;
  /**
   * Watches and steers which experts tokens go to, such as a `RoutingRecorder` or `banExperts` of `@mixtape/layers`. Decode steps are
   * not recorded then, which takes longer.
   */
  readonly routing?: CausalLMInputs["routing"];
  /** Aborts between two tokens: the iteration throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Names of all generation options. */
export const GENERATION_OPTIONS: OptionNames<GenerationOptions> = {
  maxNewTokens: true,
  minNewTokens: true,
  minLength: true,
  doSample: true,
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  topH: true,
  typicalP: true,
  epsilonCutoff: true,
  etaCutoff: true,
  repetitionPenalty: true,
  noRepeatNgramSize: true,
  badWordsIds: true,
  sequenceBias: true,
  suppressTokens: true,
  beginSuppressTokens: true,
  forcedBosTokenId: true,
  forcedEosTokenId: true,
  exponentialDecayLengthPenalty: true,
  seed: true,
  eosTokenId: true,
  padTokenId: true,
  defaults: true,
  stopWhen: true,
  routing: true,
  signal: true,
};

/** Generation options with every default filled in. */
export interface ResolvedOptions {
  /** Maximum number of new tokens. */
  readonly maxNewTokens: number;
  /** Maximum length of prompt and text together, in tokens. */
  readonly maxLength: number;
  /** Number of new tokens before which no end token is chosen. */
  readonly minNewTokens: number;
  /** Length of prompt and text together before which no end token is chosen. */
  readonly minLength: number;
  /** Whether tokens are sampled. The likeliest is taken otherwise. */
  readonly doSample: boolean;
  /** Divides the logits. */
  readonly temperature: number;
  /** Number of the likeliest tokens that are sampled from; 0 for all. */
  readonly topK: number;
  /** Share of the probability that is sampled from. */
  readonly topP: number;
  /** Share of the likeliest token's probability below which none is sampled. */
  readonly minP: number;
  /** Share of the entropy that sampled tokens have; null for all. */
  readonly topH: number | null;
  /** Probability mass of typical sampling; 1 for all. */
  readonly typicalP: number;
  /** Probability below which none is sampled. */
  readonly epsilonCutoff: number;
  /** Cutoff of eta sampling; 0 for all. */
  readonly etaCutoff: number;
  /** Divides logits of tokens that have occurred. */
  readonly repetitionPenalty: number;
  /** Size of n-grams that may occur only once; 0 for no such rule. */
  readonly noRepeatNgramSize: number;
  /** Sequences that are never completed. */
  readonly badWordsIds: readonly (readonly number[])[];
  /** Sequences with the bias of their last token. */
  readonly sequenceBias: readonly (readonly [readonly number[], number])[];
  /** Tokens that are never chosen. */
  readonly suppressTokens: readonly number[];
  /** Tokens that are not chosen first. */
  readonly beginSuppressTokens: readonly number[];
  /** The first new token of a prompt of one token; null for any. */
  readonly forcedBosTokenId: number | null;
  /** The last token where the maximum length is reached; null for any. */
  readonly forcedEosTokenId: number | readonly number[] | null;
  /** Start and factor of the growth of end tokens' logits; null for none. */
  readonly exponentialDecayLengthPenalty: readonly [number, number] | null;
  /** Seeds sampling. */
  readonly seed: number;
  /** The tokens that end a text. */
  readonly eosTokenIds: ReadonlySet<number>;
  /** The token that fills rows that are shorter; -1 for none. */
  readonly padTokenId: number;
}
