import type { GenerationConfig } from "@mixtape/config";
import type { CausalLMInputs } from "@mixtape/decoder";
import type { Cache } from "@mixtape/layers";
import type { KvCacheDtype } from "@mixtape/ops";
import type { LogprobOptions } from "../logprobs.js";
import type { LogitsProcessor } from "../processors/logits-processor.js";
import type { PerRow } from "../rows/row-context.js";
import type { Sampler } from "../sampling/sampler.js";
import type { StoppingCriterion } from "../stopping/stopping-criterion.js";

/**
 * Options of generation. The model's generation config, then the default, replaces an option that is left out. `null` means none: it
 * takes away what the generation config sets.
 */
export interface GenerationOptions {
  /**
   * Maximum number of new tokens. Default 20, as in transformers. If the model's generation config has `max_length` and no
   * `max_new_tokens`: as many as prompt and text have room for within it.
   */
  readonly maxNewTokens?: number;
  /** Number of new tokens before which no end token is chosen. Default 0. */
  readonly minNewTokens?: number;
  /** Length of prompt and text together, in tokens, before which no end token is chosen. Default 0. */
  readonly minLength?: number;
  /** Samples tokens by their probability; otherwise the likeliest is taken. Default: true if a temperature above 0 is given. */
  readonly doSample?: boolean;
  /** Divides the logits before sampling, above 0; 0 means greedy. Default 1. */
  readonly temperature?: number;
  /** Samples among the likeliest tokens whose entropy is within this share of the whole entropy, in (0, 1]. Default: none. */
  readonly topH?: number | null;
  /** Samples among the k likeliest tokens; 0 keeps all. Default 50, as in transformers. */
  readonly topK?: number;
  /** Samples among the likeliest tokens that together reach this probability, in [0, 1]; 0 keeps the likeliest alone. Default 1. */
  readonly topP?: number;
  /** Drops tokens less likely than this share of the likeliest token's probability, in [0, 1]. Default 0. */
  readonly minP?: number;
  /** Samples among the most typical tokens that together reach this probability, in (0, 1]. Default 1, which keeps all. */
  readonly typicalP?: number;
  /** Drops tokens less likely than this probability, in [0, 1). Default 0. */
  readonly epsilonCutoff?: number;
  /** Drops tokens less likely than a cutoff that shrinks as the entropy grows, in [0, 1). Default 0. */
  readonly etaCutoff?: number;
  /** Sequences of token ids, each with the bias that is added to the logit of its last token once the others have come. */
  readonly sequenceBias?: readonly (readonly [readonly number[], number])[];
  /** Divides the logits of tokens that have occurred, or multiplies them if negative. Above 0; default 1. */
  readonly repetitionPenalty?: number;
  /** Size of n-grams that may occur only once, in prompt and text. 0 for no such rule. */
  readonly noRepeatNgramSize?: number;
  /** Sequences of token ids that are never completed. */
  readonly badWordsIds?: readonly (readonly number[])[];
  /** The first new token after a prompt of one token. */
  readonly forcedBosTokenId?: number | null;
  /** The last token if the maximum length is reached; one of several. */
  readonly forcedEosTokenId?: number | readonly number[] | null;
  /** `[start, factor]`: after `start` new tokens, the logits of end tokens grow by powers of `factor`. */
  readonly exponentialDecayLengthPenalty?: readonly [number, number] | null;
  /** Tokens that are never chosen. */
  readonly suppressTokens?: readonly number[];
  /** Tokens that are not chosen first. */
  readonly beginSuppressTokens?: readonly number[];
  /** The token, or the tokens, that end a text; null for none. Default: the model's. */
  readonly eosTokenId?: number | readonly number[] | null;
  /** The token that pads shorter rows. It is masked. Default: the model's, else the first end token. */
  readonly padTokenId?: number;
  /**
   * Seeds sampling. The same seed gives the same text on any engine that does not round activations, and row r of a batch samples as
   * it would in any other batch. Default: random.
   */
  readonly seed?: number;
  /**
   * Logits processors of your own. They run in this order, after the rules and before `temperature` and what else sampling has, as
   * transformers' `logits_processor`. One with state is given as {@link PerRow}.
   */
  readonly logitsProcessors?: readonly (LogitsProcessor | PerRow<LogitsProcessor>)[];
  /** Stopping criteria of your own. The first that answers true ends the row with the reason `stop`; its name is the `stopReason`. */
  readonly stoppingCriteria?: readonly (StoppingCriterion | PerRow<StoppingCriterion>)[];
  /** Chooses tokens in place of the greedy choice or of multinomial sampling. Gets the processed logits. */
  readonly sampler?: Sampler | PerRow<Sampler> | null;
  /** Returns the log-probability of each new token; a number, or `top`, also those of the likeliest tokens. */
  readonly logprobs?: boolean | number | LogprobOptions | null;
  /**
   * Returns the log-probabilities of the prompt's tokens with the first new token; a number, also those of this many of the likeliest
   * tokens. Computes logits for the whole prompt: B · L · V · 4 bytes.
   */
  readonly promptLogprobs?: boolean | number | null;
  /**
   * A cache of this model (`createCache`, `loadCache`) to go on from and to keep. Tokens that it has in common with a prompt are not
   * computed again; what it has beyond them is forgotten, and the new tokens are added. A cache of one row serves any number of
   * prompts, as their common prefix. It stays the caller's to dispose. Default: a cache of its own, which is freed at the end.
   */
  readonly cache?: Cache;
  /**
   * Storage of the cache of its own, as in `createCache`: `int8` rounds keys and values to 8 bits, with one scale of each head and
   * position. Not beside `cache`. Default: `auto`, the engine's choice; `int8` if `cache_implementation` of the generation config is
   * `quantized` and the engine can.
   */
  readonly kvCacheDtype?: KvCacheDtype;
  /**
   * Maximum number of tokens of each prompt that one pass computes, which bounds the memory of a long prompt; an abort is noticed between
   * two passes. In float32 the new tokens are the same, whatever the size. Default 2048.
   */
  readonly prefillChunkSize?: number;
  /**
   * Observes and controls which experts tokens are routed to, such as a `RoutingRecorder` or `banExperts` of `@mixtape/layers`. Decode
   * steps are not captured then, which takes longer.
   */
  readonly routing?: CausalLMInputs["routing"];
  /** Replaces the model's `generation_config.json`. */
  readonly defaults?: GenerationConfig;
  /** Aborts between two tokens: the iteration throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Options of text, in addition to those of tokens. */
export interface TextOptions extends GenerationOptions {
  /**
   * Ends the text at any of these strings, which are not part of it. The name of a special token is a string too. A string may begin
   * at the end of the prompt. Default: the model's `stop_strings`.
   */
  readonly stop?: string | readonly string[];
}

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
  /** Share of the entropy that sampled tokens have; null for all. */
  readonly topH: number | null;
  /** Number of the likeliest tokens that are sampled from; 0 for all. */
  readonly topK: number;
  /** Share of the probability that is sampled from. */
  readonly topP: number;
  /** Share of the likeliest token's probability below which none is sampled. */
  readonly minP: number;
  /** Probability mass of typical sampling; 1 for all. */
  readonly typicalP: number;
  /** Probability below which none is sampled. */
  readonly epsilonCutoff: number;
  /** Cutoff of eta sampling; 0 for all. */
  readonly etaCutoff: number;
  /** Sequences with the bias of their last token. */
  readonly sequenceBias: readonly (readonly [readonly number[], number])[];
  /** Divides logits of tokens that have occurred. */
  readonly repetitionPenalty: number;
  /** Size of n-grams that may occur only once; 0 for no such rule. */
  readonly noRepeatNgramSize: number;
  /** Sequences that are never completed. */
  readonly badWordsIds: readonly (readonly number[])[];
  /** The first new token after a prompt of one token; null for any. */
  readonly forcedBosTokenId: number | null;
  /** The last token if the maximum length is reached; null for any. */
  readonly forcedEosTokenId: number | readonly number[] | null;
  /** Start and factor of the growth of end tokens' logits; null for none. */
  readonly exponentialDecayLengthPenalty: readonly [number, number] | null;
  /** Tokens that are never chosen. */
  readonly suppressTokens: readonly number[];
  /** Tokens that are not chosen first. */
  readonly beginSuppressTokens: readonly number[];
  /** The tokens that end a text. */
  readonly eosTokenIds: ReadonlySet<number>;
  /** The token that pads shorter rows; -1 for none. */
  readonly padTokenId: number;
  /** Seeds sampling. */
  readonly seed: number;
  /** Logits processors of the caller, which run between the rules and what sampling has. */
  readonly logitsProcessors: readonly (LogitsProcessor | PerRow<LogitsProcessor>)[];
  /** Stopping criteria of the caller. */
  readonly stoppingCriteria: readonly (StoppingCriterion | PerRow<StoppingCriterion>)[];
  /** Sampler of the caller; null for the greedy or the multinomial one. */
  readonly sampler: Sampler | PerRow<Sampler> | null;
  /** Storage of the cache that generation creates. */
  readonly kvCacheDtype: KvCacheDtype;
  /** Maximum number of tokens of a prompt in one pass. */
  readonly prefillChunkSize: number;
  /** Log-probabilities to return; null for none. */
  readonly logprobs: Required<LogprobOptions> | null;
  /** Number of likeliest tokens to return with each token of the prompt; null for no log-probabilities of the prompt. */
  readonly promptLogprobs: number | null;
}
