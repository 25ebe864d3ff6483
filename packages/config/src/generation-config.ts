import * as z from "zod";
import type { ConfigOf } from "./config-definition.js";
import { show } from "./config-error.js";
import { defineConfig } from "./define-config.js";
import { count, flag, listOf, number, optional, text, tokenId, tokenIds } from "./fields.js";

const BEAMS = "only beam search reads it, and num_beams is 1 here";
const ASSISTANT = "only generation with a draft model reads it";
const SPEED = "changes speed or memory, not the text";
const OUTPUT = "what generation returns is asked for at each call";
const TRACE = "a record of where the file came from";

/**
 * The defaults that a model brings for generation, in `generation_config.json`. A field that the file leaves out, or sets
 * to null, is absent, so that configs merge by spreading: `{ ...defaults, ...model, ...call }`.
 */
export const generationConfig = defineConfig({
  file: "generation_config.json",
  fields: {
    /** How many tokens to write at most. */
    maxNewTokens: optional(count()),
    /** How long prompt and text may be together. `maxNewTokens` goes first. */
    maxLength: optional(count()),
    /** Whether to draw tokens by their probability; otherwise the likeliest is taken. */
    doSample: optional(flag()),
    /** What logits are divided by before sampling. */
    temperature: optional(number({ min: 0 })),
    /** How many of the likeliest tokens to keep; 0 keeps all. */
    topK: optional(count({ min: 0 })),
    /** Keep the fewest tokens whose probabilities sum to this. */
    topP: optional(number({ min: 0, max: 1 })),
    /** Drop tokens less likely than this share of the likeliest one's probability. */
    minP: optional(number({ min: 0, max: 1 })),
    /** What the logits of tokens that have occurred are divided by, or multiplied with if negative. */
    repetitionPenalty: optional(number({ above: 0 })),
    /** Texts that end generation. */
    stopStrings: optional(
      z
        .union([text(), listOf(text(), "strings")], { error: "a string or a list of strings" })
        .transform((stop): readonly string[] => (typeof stop === "string" ? [stop] : stop)),
    ),
    bosTokenId: optional(tokenId()),
    /** The token, or any of the tokens, that ends a text. */
    eosTokenId: optional(tokenIds()),
    padTokenId: optional(tokenId()),
  },
  fixed: {
    num_beams: [1, null],
    num_beam_groups: [1, null],
    diversity_penalty: [0, null],
    constraints: [null],
    force_words_ids: [null],
    penalty_alpha: [0, null],
    dola_layers: [null],
    num_return_sequences: [1, null],
    min_length: [0, null],
    min_new_tokens: [0, null],
    max_time: [null],
    top_h: [null],
    typical_p: [1, null],
    epsilon_cutoff: [0, null],
    eta_cutoff: [0, null],
    encoder_repetition_penalty: [1, null],
    no_repeat_ngram_size: [0, null],
    encoder_no_repeat_ngram_size: [0, null],
    bad_words_ids: [null, []],
    forced_bos_token_id: [null],
    forced_eos_token_id: [null],
    remove_invalid_values: [false, null],
    exponential_decay_length_penalty: [null],
    suppress_tokens: [null, []],
    begin_suppress_tokens: [null, []],
    sequence_bias: [null, {}, []],
    token_healing: [false, null],
    guidance_scale: [1, null],
    watermarking_config: [null],
    use_mtp: [false, null],
    prompt_lookup_num_tokens: [null],
    assistant_early_exit: [null],
    speculation_type: [null],
    // A quantised cache rounds keys and values.
    cache_implementation: [null, "dynamic", "static", "offloaded", "offloaded_static", "sliding_window", "hybrid"],
  },
  ignored: {
    early_stopping: BEAMS,
    length_penalty: BEAMS,
    renormalize_logits: "scales all probabilities alike, which only beam search would notice",
    use_cache: SPEED,
    cache_config: SPEED,
    max_cache_len: SPEED,
    compile_config: SPEED,
    disable_compile: SPEED,
    low_memory: SPEED,
    prefill_chunk_size: SPEED,
    continuous_batching_config: SPEED,
    is_assistant: ASSISTANT,
    num_assistant_tokens: ASSISTANT,
    num_assistant_tokens_schedule: ASSISTANT,
    assistant_confidence_threshold: ASSISTANT,
    assistant_lookbehind: ASSISTANT,
    target_lookbehind: ASSISTANT,
    assistant_ensemble_weight: ASSISTANT,
    max_matching_ngram_size: "only prompt lookup reads it, and prompt_lookup_num_tokens is null here",
    output_attentions: OUTPUT,
    output_hidden_states: OUTPUT,
    output_scores: OUTPUT,
    output_logits: OUTPUT,
    return_dict_in_generate: OUTPUT,
    decoder_start_token_id: "only models with an encoder read it",
    trust_remote_code: "whether Python code may be run, which none is here",
    transformers_version: TRACE,
    _from_model_config: TRACE,
    _commit_hash: TRACE,
  },
  check: (c, report) => {
    if (c.doSample && c.temperature === 0) {
      report("temperature", {
        expected: "a number above 0 for sampling",
        got: "0",
        fix: "Greedy text needs do_sample: false",
      });
    }
    if (c.stopStrings?.includes("")) {
      report("stopStrings", { expected: "texts of at least one character", got: show(c.stopStrings) });
    }
  },
});

/** What a model's `generation_config.json` asks for; absent fields leave it to the defaults of generation. */
export type GenerationConfig = ConfigOf<typeof generationConfig>;
