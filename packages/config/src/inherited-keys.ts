/** Keys that transformers' `PreTrainedConfig` adds to every config.json and that no decoder here reads. */
import { show } from "./config-error.js";
import { isObject, own } from "./json.js";

const GENERATION = "a generation setting, which counts for generation where there is no generation_config.json";
const OUTPUT = "each call chooses what forward returns";
const KERNEL = "selects a kernel, with the same result";
const TRACE = "a record of where the file came from";
const FRAMEWORK = "a switch of another framework";

const generationKeys = [
  "max_length",
  "min_length",
  "max_new_tokens",
  "do_sample",
  "early_stopping",
  "num_beams",
  "num_beam_groups",
  "diversity_penalty",
  "temperature",
  "top_k",
  "top_p",
  "min_p",
  "typical_p",
  "epsilon_cutoff",
  "eta_cutoff",
  "repetition_penalty",
  "length_penalty",
  "no_repeat_ngram_size",
  "encoder_no_repeat_ngram_size",
  "encoder_repetition_penalty",
  "bad_words_ids",
  "num_return_sequences",
  "output_scores",
  "return_dict_in_generate",
  "forced_bos_token_id",
  "forced_eos_token_id",
  "remove_invalid_values",
  "exponential_decay_length_penalty",
  "suppress_tokens",
  "begin_suppress_tokens",
  "decoder_start_token_id",
];

/** Keys that do not change the output of any model here, with the reason. */
export const ignoredKeys: Readonly<Record<string, string>> = {
  ...Object.fromEntries(generationKeys.map((key) => [key, GENERATION])),
  output_hidden_states: OUTPUT,
  output_attentions: OUTPUT,
  return_dict: OUTPUT,
  use_return_dict: OUTPUT,
  keys_to_ignore_at_inference: OUTPUT,
  attn_implementation: KERNEL,
  _attn_implementation: KERNEL,
  _attn_implementation_autoset: KERNEL,
  _attn_implementation_internal: KERNEL,
  experts_implementation: KERNEL,
  _experts_implementation: KERNEL,
  _experts_implementation_internal: KERNEL,
  use_flash_attention_2: KERNEL,
  _flash_attn_2_enabled: KERNEL,
  chunk_size_feed_forward: "trades memory for time, with the same result",
  _name_or_path: TRACE,
  name_or_path: TRACE,
  _commit_hash: TRACE,
  transformers_version: TRACE,
  unsloth_fixed: TRACE,
  unsloth_version: TRACE,
  "transformers.js_config": "how another library runs its own export of the weights",
  auto_map: "names Python code that reads this checkpoint in old versions of transformers",
  tokenizer_class: "the tokenizer has its own config",
  prefix: "nothing in transformers 5 reads it for these models",
  task_specific_params: "nothing in transformers 5 reads it for these models",
  finetuning_task: TRACE,
  sep_token_id: "a token that no decoder here uses",
  is_decoder: "every model here is a decoder",
  torchscript: FRAMEWORK,
  use_bfloat16: FRAMEWORK,
  tf_legacy_loss: FRAMEWORK,
  base_model_tp_plan: "distributes a model over devices, with the same result",
  base_model_pp_plan: "distributes a model over devices, with the same result",
  base_model_ep_plan: "distributes a model over devices, with the same result",
  base_model_fsdp_plan: "distributes a model over devices, with the same result",
  pretraining_tp: "distributes a model over devices, with the same result",
};

/** Keys with the values that the decoders here implement. */
export const fixedKeys: Readonly<Record<string, readonly unknown[]>> = {
  quantization_config: [null],
  // MLX writes it beside quantised weights.
  quantization: [null],
  compression_config: [null],
  per_layer_config: [null, {}],
  pruned_heads: [null, {}],
  is_encoder_decoder: [false],
  add_cross_attention: [false],
  cross_attention_hidden_size: [null],
  tie_encoder_decoder: [false],
  tie_last_hidden_states: [null, true],
  // A multimodal model has the decoder's fields in here, and those outside are not the decoder's.
  text_config: [null],
  mlp_bias: [false],
  // Embedding models made from decoders turn it off: each token then attends to later ones too.
  is_causal: [true, null],
  // Whether a token classifier has a bias.
  token_classification_bias: [true],
};

/** Reason for refusing a value, and how to solve it. */
export interface Refusal {
  readonly reason: string;
  /** A sentence without its full stop. */
  readonly fix: string;
  /** The part of the value to show, where it says more than its beginning. */
  readonly got?: (value: unknown) => string | undefined;
}

const QUANTISED: Refusal = {
  reason: "a config alone does not read quantised weights",
  fix: "Load the checkpoint with loadModel or fromPretrained",
  got: (value) => {
    const method = isObject(value) ? own(value, "quant_method") : undefined;
    return method === undefined ? undefined : `quant_method ${show(method)}`;
  },
};

/** Refusals of some restricted keys that need more than the default reason. */
export const refusals: Readonly<Record<string, Refusal>> = {
  quantization_config: QUANTISED,
  quantization: QUANTISED,
  compression_config: QUANTISED,
};

/** Fixed keys that no decoder in transformers reads either, whatever their values. */
export const inertKeys: readonly string[] = [
  "is_encoder_decoder",
  "add_cross_attention",
  "cross_attention_hidden_size",
  "tie_encoder_decoder",
];
