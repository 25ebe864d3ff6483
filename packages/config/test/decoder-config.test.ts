import { describe, expect, test } from "vitest";
import { ConfigError, decoderConfig, HIDDEN_ACTS } from "../src/index.js";

const json = { model_type: "decoder", hidden_size: 64, num_attention_heads: 4, num_hidden_layers: 2, vocab_size: 100 };
const parse = (keys: object = {}) => decoderConfig.parse({ ...json, ...keys });

test("defaults", () => {
  const { ...config } = decoderConfig.create();
  expect(config).toMatchObject({
    modelType: "decoder",
    hiddenAct: "silu",
    initializerRange: 0.02,
    useCache: true,
    tieWordEmbeddings: false,
    attentionBias: false,
    attentionDropout: 0,
    outputRouterLogits: false,
    slidingWindow: null,
    ropeParameters: { ropeType: "default", ropeTheta: 10_000, partialRotaryFactor: 1 },
    bosTokenId: null,
    eosTokenId: null,
    padTokenId: null,
    dtype: null,
    architectures: null,
    numLabels: 2,
    id2label: { 0: "LABEL_0", 1: "LABEL_1" },
    problemType: null,
  });
  expect(config.layerTypes).toEqual(Array(32).fill("full_attention"));
  expect(config.mlpLayerTypes).toEqual(Array(32).fill("dense"));
});

test("heads: as many keys and values as queries, an even share of the width each", () => {
  expect(parse()).toMatchObject({ numKeyValueHeads: 4, headDim: 16 });
  expect(parse({ num_key_value_heads: null, head_dim: null })).toMatchObject({ numKeyValueHeads: 4, headDim: 16 });
  expect(parse({ num_key_value_heads: 2, head_dim: 8 })).toMatchObject({ numKeyValueHeads: 2, headDim: 8 });
  // A width that the heads do not divide is no fault where each head's width is given.
  expect(parse({ hidden_size: 66, head_dim: 16 })).toMatchObject({ hiddenSize: 66, headDim: 16 });
});

test("a window makes every layer slide", () => {
  expect(parse({ sliding_window: 8 }).layerTypes).toEqual(["sliding_attention", "sliding_attention"]);
});

test("layer types in the file may say what holds anyway, and nothing else", () => {
  const agreed = { layer_types: ["full_attention", "full_attention"], mlp_layer_types: ["dense", "dense"] };
  expect(decoderConfig.toJSON(parse(agreed))).toEqual({ ...json, ...agreed });
  expect(parse({ layer_types: null }).layerTypes).toEqual(["full_attention", "full_attention"]);
  expect(() => parse({ layer_types: ["full_attention", "sliding_attention"] })).toThrow("config.json: layer_types: ");
  expect(() => parse({ mlp_layer_types: ["dense", "sparse"] })).toThrow("config.json: mlp_layer_types: ");
});

test("spellings of the dtype", () => {
  expect(parse({ torch_dtype: "bfloat16" }).dtype).toBe("bfloat16");
  expect(parse({ dtype: "float16" }).dtype).toBe("float16");
  expect(parse({ dtype: null, torch_dtype: "float16" }).dtype).toBe("float16");
  expect(() => parse({ dtype: "float16", torch_dtype: "float32" })).toThrow(
    'torch_dtype: expected "float16", the value of dtype',
  );
  expect(decoderConfig.toJSON({ ...parse({ torch_dtype: "bfloat16" }), dtype: "float32" })).toEqual({
    ...json,
    torch_dtype: "float32",
  });
});

test("activations go by one name each", () => {
  for (const name of HIDDEN_ACTS) expect(parse({ hidden_act: name }).hiddenAct).toBe(name);
  expect(parse({ hidden_act: "swish" }).hiddenAct).toBe("silu");
  for (const name of ["gelu_new", "gelu_fast", "gelu_accurate", "gelu_python_tanh"])
    expect(parse({ hidden_act: name }).hiddenAct).toBe("gelu_pytorch_tanh");
  expect(parse({ hidden_act: "gelu_python" }).hiddenAct).toBe("gelu");
  expect(decoderConfig.toJSON(parse({ hidden_act: "swish" }))).toEqual({ ...json, hidden_act: "swish" });
  expect(decoderConfig.toJSON({ ...parse({ hidden_act: "swish" }), hiddenAct: "relu" })).toMatchObject({
    hidden_act: "relu",
  });
  expect(() => parse({ hidden_act: "swiglu" })).toThrow('hidden_act: expected one of "silu", "gelu"');
});

describe("labels", () => {
  test("come from id2label, its inverse, or their number", () => {
    const named = { numLabels: 3, id2label: { 0: "a", 1: "b", 2: "c" } };
    expect(parse({ id2label: { "0": "a", "1": "b", "2": "c" } })).toMatchObject(named);
    expect(parse({ label2id: { c: 2, a: 0, b: 1 } })).toMatchObject(named);
    expect(
      parse({ id2label: { "0": "a", "1": "b", "2": "c" }, label2id: { a: 0, b: 1, c: 2 }, num_labels: 3 }),
    ).toMatchObject(named);
    expect(parse({ num_labels: 1 })).toMatchObject({ numLabels: 1, id2label: { 0: "LABEL_0" } });
    expect(decoderConfig.create({ numLabels: 3 }).id2label).toEqual({ 0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2" });
    expect(decoderConfig.create({ id2label: { 0: "no", 1: "yes", 2: "maybe" } }).numLabels).toBe(3);
  });

  test.each<[string, object, string]>([
    [
      "a gap",
      { id2label: { 0: "a", 2: "b" } },
      "id2label: expected an object of names by the indices 0, 1, 2…, each name once",
    ],
    ["a name twice", { id2label: { 0: "a", 1: "a" } }, "id2label: expected"],
    ["no names", { id2label: {} }, "id2label: expected"],
    ["a list", { id2label: ["a", "b"] }, "id2label: expected"],
    ["a wrong inverse", { id2label: { 0: "a" }, label2id: { b: 0 } }, "label2id: expected the inverse of id2label"],
    ["no inverse", { label2id: { a: "x" } }, "label2id: expected an object that gives names the indices"],
    [
      "another number",
      { id2label: { 0: "a" }, num_labels: 2 },
      "num_labels: expected 1, the number of names in id2label, got 2",
    ],
    ["a number beyond reason", { num_labels: 1e9 }, "num_labels: expected an integer from 1 to 1000000"],
    [
      "one class to choose from",
      { num_labels: 1, problem_type: "single_label_classification" },
      'problem_type: expected "regression", or more than one label',
    ],
  ])("refuses %s", (_, keys, message) => {
    expect(() => parse(keys)).toThrow(message);
  });

  test("are written in the spelling of the source", () => {
    const id2label = { 0: "a", 1: "b" };
    const write = (keys: object) => decoderConfig.toJSON({ ...parse(keys), id2label });
    expect(write({})).toEqual({ ...json, id2label, label2id: { a: 0, b: 1 } });
    expect(write({ label2id: { c: 0, d: 1 } })).toEqual({ ...json, label2id: { a: 0, b: 1 } });
    expect(write({ id2label: { 0: "c", 1: "d" } })).toEqual({ ...json, id2label, label2id: { a: 0, b: 1 } });
  });
});

test.each<[string, object, string]>([
  [
    "heads that do not divide",
    { num_key_value_heads: 3 },
    "num_key_value_heads: expected a divisor of the number of attention heads, 4, got 3",
  ],
  ["more kv heads than heads", { num_key_value_heads: 8 }, "num_key_value_heads: expected a divisor"],
  [
    "a width that heads do not divide",
    { hidden_size: 66 },
    "head_dim: expected a width, as 66 features do not divide among 4 heads",
  ],
  ["an odd head", { head_dim: 7 }, "head_dim: expected an even number of rotated features, at least 2, got 7"],
  ["no layers", { num_hidden_layers: 0 }, "num_hidden_layers: expected an integer from 1 to 10000, got 0"],
  ["layers beyond reason", { num_hidden_layers: 1e9 }, "num_hidden_layers: expected an integer from 1 to 10000"],
  ["an empty window", { sliding_window: 0 }, "sliding_window: expected an integer of at least 1, got 0"],
  ["an ε below 0", { rms_norm_eps: -1 }, "rms_norm_eps: expected a number of at least 0, got -1"],
  [
    "dropout of everything",
    { attention_dropout: 1 },
    "attention_dropout: expected a number of at least 0 and below 1, got 1",
  ],
  [
    "a token beyond the vocabulary",
    { eos_token_id: [2, 100] },
    "eos_token_id: expected a token id below the size of the vocabulary, 100, got 100. Use null for none",
  ],
  [
    "a negative token",
    { bos_token_id: -1 },
    "bos_token_id: expected a token id below the size of the vocabulary, 100, got -1. Use null for none",
  ],
  [
    "a padding token before the vocabulary, counted from its end as torch does",
    { pad_token_id: -101 },
    "pad_token_id: expected a token id below the size of the vocabulary, 100, got -101. Use null for none",
  ],
  [
    "a token in words",
    { eos_token_id: "</s>" },
    'eos_token_id: expected a token id, a list of token ids, or null for none, got "</s>"',
  ],
  ["an unknown dtype", { dtype: "int4" }, 'dtype: expected one of "float32"'],
  [
    "quantised weights",
    { quantization_config: { quant_method: "fp8" } },
    'quantization_config: expected null, since a config alone does not read quantised weights, got quant_method "fp8". Load the checkpoint with loadModel',
  ],
  ["an encoder", { is_encoder_decoder: true }, "is_encoder_decoder: expected false"],
  ["configs per layer", { per_layer_config: { "1": { head_dim: 8 } } }, "per_layer_config: expected null or {}"],
  ["biases in the MLP", { mlp_bias: true }, "mlp_bias: expected false"],
])("refuses %s", (_, keys, message) => {
  expect(() => parse(keys)).toThrow(ConfigError);
  expect(() => parse(keys)).toThrow(message);
});

test("what transformers tolerates is a warning where those are asked for, and is kept for saving", () => {
  const odd = {
    num_expertz: 3,
    __proto__extra: {},
    is_encoder_decoder: true,
    eos_token_id: [2, 100],
    dtype: "int4",
    label2id: { a: 0, b: 2 },
    num_labels: 7,
    rope_scaling: { type: "linear", factor: 2, beta_fast: 32 },
  };
  const warned: string[] = [];
  const config = decoderConfig.parse({ ...json, ...odd }, { onWarning: ({ key }) => warned.push(key) });
  expect(warned.sort()).toEqual([
    "__proto__extra",
    "dtype",
    "eos_token_id",
    "is_encoder_decoder",
    "label2id",
    "num_expertz",
    "rope_scaling.beta_fast",
  ]);
  expect(config).toMatchObject({ dtype: null, numLabels: 7, eosTokenId: [2, 100], ropeParameters: { factor: 2 } });
  expect(decoderConfig.toJSON(config)).toMatchObject({ num_expertz: 3, is_encoder_decoder: true });
  expect(decoderConfig.toJSON(decoderConfig.with(config, { vocabSize: 50 }))).toMatchObject({ num_expertz: 3 });
  expect(() => decoderConfig.parse({ ...json, mlp_bias: true }, { onWarning: () => {} })).toThrow("mlp_bias");
  expect(decoderConfig.parse({ ...json, mlp_bias: true }, { ignore: ["mlp_bias"] })).toMatchObject({ numLabels: 2 });
});

test("a dtype in torch's words", () => {
  expect(decoderConfig.parse({ ...json, dtype: "torch.bfloat16" }).dtype).toBe("bfloat16");
});

/** The attributes of transformers 5.18's PreTrainedConfig, and those that version 4 wrote. */
const pretrainedKeys = `
  _attn_implementation_autoset _commit_hash _name_or_path add_cross_attention architectures attn_implementation auto_map
  bad_words_ids begin_suppress_tokens bos_token_id chunk_size_feed_forward cross_attention_hidden_size
  decoder_start_token_id diversity_penalty do_sample dtype early_stopping encoder_no_repeat_ngram_size eos_token_id
  exponential_decay_length_penalty experts_implementation finetuning_task forced_bos_token_id forced_eos_token_id
  id2label is_decoder is_encoder_decoder label2id length_penalty max_length min_length model_type name_or_path
  no_repeat_ngram_size num_beam_groups num_beams num_labels num_return_sequences output_attentions output_hidden_states
  output_scores pad_token_id per_layer_config prefix problem_type pruned_heads quantization_config remove_invalid_values
  repetition_penalty return_dict return_dict_in_generate sep_token_id suppress_tokens task_specific_params temperature
  tf_legacy_loss tie_encoder_decoder tie_last_hidden_states tie_word_embeddings tokenizer_class top_k top_p torch_dtype
  torchscript transformers.js_config transformers_version typical_p use_bfloat16 vocab_size`;

test.each(pretrainedKeys.trim().split(/\s+/))("%s is used, restricted, or ignored for a reason", (key) => {
  const role = decoderConfig.explain(key);
  expect(role).toBeDefined();
  if (role?.role === "ignored") expect(role.reason).not.toBe("");
});

test("ignored keys survive, whatever they hold", () => {
  const ignored = { max_length: 20, temperature: 1, auto_map: { AutoConfig: "a.B" }, task_specific_params: null };
  expect(decoderConfig.toJSON({ ...parse(ignored), useCache: false })).toEqual({
    ...json,
    ...ignored,
    use_cache: false,
  });
});
