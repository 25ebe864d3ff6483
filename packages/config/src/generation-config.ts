import * as z from "zod";
import type { ConfigDefinition } from "./config-definition.js";
import type { ConfigIssue } from "./config-error.js";
import type { ConfigInput } from "./config-input.js";
import { readFrom, type UnusableValue, unreadableConfig } from "./config-schema.js";
import { defineConfig } from "./define-config.js";
import { int, optional } from "./fields.js";
import { type GenerationField, generationFields } from "./generation-fields.js";
import { camelCase } from "./json.js";

const BEAMS = "only beam search reads it, and num_beams is 1 here";
const DRAFTS = "guesses tokens ahead, which changes speed, not the text";
const SPEED = "changes speed or memory, not the text";
const OUTPUT = "each call chooses what generation returns";
const TRACE = "a record of where the file came from";
const ENCODER = "only models with an encoder read it";

/**
 * The model's defaults for generation, from `generation_config.json`. A field that the file omits or sets to null is
 * absent, so configs merge by spreading: `{ ...defaults, ...model, ...call }`.
 *
 * Reading refuses no key and no value, as in the reference, since a model can be loaded without generating. Fields with
 * invalid values are absent too, and {@link generationConfigIssues} lists them.
 */
export interface GenerationConfig {
  /** Maximum number of new tokens. */
  readonly maxNewTokens?: number;
  /** Maximum length of prompt and text together, in tokens. `maxNewTokens` takes precedence. */
  readonly maxLength?: number;
  /** Number of new tokens before an end token may be chosen. */
  readonly minNewTokens?: number;
  /** Length of prompt and text together, in tokens, before an end token may be chosen. */
  readonly minLength?: number;
  /** Whether to sample tokens; otherwise the most likely is chosen. */
  readonly doSample?: boolean;
  /** Divides the logits before sampling. */
  readonly temperature?: number;
  /** Samples among the k most likely tokens; 0 keeps all. */
  readonly topK?: number;
  /** Samples among the fewest most likely tokens whose probabilities sum to this. 1 keeps all. */
  readonly topP?: number;
  /** Drops tokens whose probability is below this fraction of the most likely token's. */
  readonly minP?: number;
  /** Fraction of the entropy that the kept tokens may have (top-H decoding). */
  readonly topH?: number;
  /** Probability mass of the kept tokens of typical sampling. 1 keeps all. */
  readonly typicalP?: number;
  /** Drops tokens less likely than this probability. 0 keeps all. */
  readonly epsilonCutoff?: number;
  /** Cutoff of eta sampling: an epsilon that shrinks with the entropy. 0 keeps all. */
  readonly etaCutoff?: number;
  /** Divides the positive logits of tokens that have occurred, and multiplies the negative ones. 1 is a no-op. */
  readonly repetitionPenalty?: number;
  /** Size of n-grams that may occur only once, in prompt and text. 0 turns it off. */
  readonly noRepeatNgramSize?: number;
  /** Sequences of token ids that are never completed. */
  readonly badWordsIds?: readonly (readonly number[])[];
  /**
   * Sequences of token ids, each with a bias added to the logit of its last token once the others have been generated.
   */
  readonly sequenceBias?: readonly (readonly [readonly number[], number])[];
  /** Tokens that are never chosen. */
  readonly suppressTokens?: readonly number[];
  /** Tokens that are not chosen as the first new token. */
  readonly beginSuppressTokens?: readonly number[];
  /** First new token, if the prompt has a single token. */
  readonly forcedBosTokenId?: number;
  /** Last token when the maximum length is reached; of several with equal logits, the first. */
  readonly forcedEosTokenId?: number | readonly number[];
  /** `[start, factor]`: after `start` new tokens, the logits of end tokens grow by powers of `factor`. */
  readonly exponentialDecayLengthPenalty?: readonly [number, number];
  /** Strings that end generation. */
  readonly stopStrings?: readonly string[];
  /** Token that begins a text. */
  readonly bosTokenId?: number;
  /** Token, or any of the tokens, that ends a text. */
  readonly eosTokenId?: number | readonly number[];
  /** Token that pads shorter rows of a batch; -1 for none. */
  readonly padTokenId?: number;
  /**
   * Cache that transformers generates with. All but `quantized` hold the same keys and values, and are no-ops here; that one rounds
   * them.
   */
  readonly cacheImplementation?: CacheImplementation;
}

/** Values of `cache_implementation` in transformers 5.18. */
const CACHE_IMPLEMENTATIONS = [
  "dynamic",
  "static",
  "quantized",
  "offloaded",
  "offloaded_static",
  "sliding_window",
  "hybrid",
  "hybrid_chunked",
  "offloaded_hybrid",
  "offloaded_hybrid_chunked",
  "paged",
] as const;

/** A cache of transformers. */
export type CacheImplementation = (typeof CACHE_IMPLEMENTATIONS)[number];

/** Reads and writes `generation_config.json`. */
export const generationConfig: ConfigDefinition<GenerationConfig, ConfigInput<GenerationConfig>> = defineConfig({
  file: "generation_config.json",
  name: "generation config",
  lenient: true,
  fields: {
    ...optionFields(),
    maxLength: optional(int()),
    bosTokenId: optional(z.int({ error: "a token id" })),
    cacheImplementation: optional(z.enum(CACHE_IMPLEMENTATIONS, { error: CACHE_IMPLEMENTATIONS.join(", ") })),
  },
  allowedValues: {
    num_beams: [1, null],
    constraints: [null],
    force_words_ids: [null],
    penalty_alpha: [0, null],
    dola_layers: [null],
    num_return_sequences: [1, null],
    max_time: [null],
    encoder_repetition_penalty: [1, null],
    encoder_no_repeat_ngram_size: [0, null],
    token_healing: [false, null],
    guidance_scale: [1, null],
    watermarking_config: [null],
  },
  ignored: {
    early_stopping: BEAMS,
    length_penalty: BEAMS,
    num_beam_groups: BEAMS,
    diversity_penalty: BEAMS,
    low_memory: BEAMS,
    remove_invalid_values: "logits that are NaN are an error here, and other logits it does not change",
    renormalize_logits: "scales all probabilities alike, which only affects beam search",
    use_cache: SPEED,
    cache_config:
      "settings of a cache; a quantized one rounds to int8 here, and others change speed or memory, not the text",
    max_cache_len: SPEED,
    compile_config: SPEED,
    disable_compile: SPEED,
    prefill_chunk_size: SPEED,
    continuous_batching_config: SPEED,
    use_mtp: DRAFTS,
    prompt_lookup_num_tokens: DRAFTS,
    max_matching_ngram_size: DRAFTS,
    assistant_early_exit: DRAFTS,
    speculation_type: DRAFTS,
    is_assistant: DRAFTS,
    num_assistant_tokens: DRAFTS,
    num_assistant_tokens_schedule: DRAFTS,
    assistant_confidence_threshold: DRAFTS,
    assistant_lookbehind: DRAFTS,
    target_lookbehind: DRAFTS,
    assistant_ensemble_weight: DRAFTS,
    output_attentions: OUTPUT,
    output_hidden_states: OUTPUT,
    output_scores: OUTPUT,
    output_logits: OUTPUT,
    return_dict_in_generate: OUTPUT,
    decoder_start_token_id: ENCODER,
    trust_remote_code: "allows Python code, and none is run here",
    transformers_version: TRACE,
    _from_model_config: TRACE,
    _commit_hash: TRACE,
  },
});

/** The fields of the file that are options of a call too: the option's schema, or the wider one that the file has. */
function optionFields(): { readonly [K in OptionField]: z.ZodType<GenerationConfig[K]> } {
  const options: readonly GenerationField[] = Object.values(generationFields);
  const fields = options.map(({ key, schema, fileSchema }) => [camelCase(key!), optional(fileSchema ?? schema)]);
  return Object.fromEntries(fields) as { readonly [K in OptionField]: z.ZodType<GenerationConfig[K]> };
}

/** The names of those fields. */
type OptionField = Exclude<keyof GenerationConfig, "maxLength" | "bosTokenId" | "cacheImplementation">;

/** The values of a `generation_config.json` that cannot be used, and the file's name. */
export interface GenerationConfigIssues {
  /** Path, URL or name of the file. */
  readonly file: string;
  /** Every invalid value, except of fields that have been set since. */
  readonly issues: readonly UnusableValue[];
}

/**
 * Lists the invalid values of a `generation_config.json`. Generation refuses them, unless the call sets those options.
 * @returns undefined for a config that was not read from a file
 */
export function generationConfigIssues(config: GenerationConfig): GenerationConfigIssues | undefined {
  const source = readFrom(config);
  if (!source) return undefined;
  const given = config as Readonly<Record<string, unknown>>;
  return { file: source.file, issues: source.unusable.filter(({ field }) => given[field] === undefined) };
}

/**
 * Creates the generation config of a file that holds no JSON object: nothing is set, and {@link generationConfigIssues}
 * has the reason.
 */
export function unreadableGenerationConfig(file: string, issue: Omit<ConfigIssue, "key">): GenerationConfig {
  return unreadableConfig(file, issue);
}
