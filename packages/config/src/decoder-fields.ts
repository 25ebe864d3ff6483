import type { ConfigOf } from "./config-definition.js";
import { defineConfig } from "./define-config.js";
import { count, flag, listOf, number, oneOf, paddingId, text, tokenId, tokenIds } from "./fields.js";
import { fixedKeys, ignoredKeys } from "./inherited-keys.js";
import { defaultLabels, labels, MAX_LABELS } from "./labels.js";
import { layerCount, mlpLayerTypesWhere, uniformLayerTypes } from "./layer-types.js";
import { rope } from "./rope-field.js";

/** The activations that the engines know, under transformers' names. */
export const HIDDEN_ACTS = ["silu", "gelu", "gelu_pytorch_tanh", "relu"] as const;
/** The name of an activation. */
export type HiddenAct = (typeof HIDDEN_ACTS)[number];

/** Other names that transformers gives to the same functions. */
const ACT_SYNONYMS: Readonly<Record<string, HiddenAct>> = { swish: "silu", gelu_new: "gelu_pytorch_tanh" };

function hiddenAct() {
  const known = oneOf(...HIDDEN_ACTS);
  return oneOf(...HIDDEN_ACTS, "swish", "gelu_new").transform((name) => known.parse(ACT_SYNONYMS[name] ?? name));
}

/** The types that a checkpoint's weights may have, under torch's names. */
export const DTYPES = ["float32", "float16", "bfloat16", "float64", "float8_e4m3fn", "float8_e5m2"] as const;

/** The fields of every decoder config, without the rules between them. */
export const decoderFields = defineConfig({
  modelType: "decoder",
  fields: {
    /** The rows of the embedding. */
    vocabSize: count().default(32_000),
    /** The width of the residual stream. */
    hiddenSize: count().default(4096),
    /** The width of a dense MLP. */
    intermediateSize: count().default(11_008),
    numHiddenLayers: layerCount().default(32),
    /** Query heads. */
    numAttentionHeads: count().default(32),
    /** Key and value heads; each serves `numAttentionHeads / numKeyValueHeads` query heads. As many as those unless given. */
    numKeyValueHeads: count().nullish(),
    /** Features per head: `hiddenSize / numAttentionHeads` unless given. */
    headDim: count().nullish(),
    /** The longest context that the model was made for. */
    maxPositionEmbeddings: count().default(2048),
    /** ε in the denominator of RMSNorm. */
    rmsNormEps: number({ above: 0 }).default(1e-6),
    hiddenAct: hiddenAct().default("silu"),
    /** Whether the head shares its weights with the embedding. */
    tieWordEmbeddings: flag().default(false),
    /** Whether q, k, v and o have biases. */
    attentionBias: flag().default(false),
    /** Probability with which attention probabilities are dropped in training. */
    attentionDropout: number({ min: 0, below: 1 }).default(0),
    /** The standard deviation of fresh weights. */
    initializerRange: number({ min: 0 }).default(0.02),
    useCache: flag().default(true),
    /** Whether `forward` returns router logits unless told. */
    outputRouterLogits: flag().default(false),
    /** The keys that a sliding layer sees, its own included; null for none. */
    slidingWindow: count().nullable().default(null),
    ropeParameters: rope(),
    bosTokenId: tokenId().nullable().default(null),
    /** The token, or any of the tokens, that ends a text. */
    eosTokenId: tokenIds().nullable().default(null),
    /** The padding token, whose embedding learns nothing from being looked up. Below 0 it counts from the end, as in torch. */
    padTokenId: paddingId().nullable().default(null),
    /** The type of the weights in the checkpoint. */
    dtype: oneOf(...DTYPES)
      .nullable()
      .default(null),
    /** The classes in transformers that the checkpoint was saved from: `["MixtralForCausalLM"]`. */
    architectures: listOf(text(), "class names").nullable().default(null),
    /** The classes of a classification head. */
    numLabels: count({ max: MAX_LABELS }).nullish(),
    id2label: labels(),
    /** The loss of a sequence classifier; null lets the labels' type decide. */
    problemType: oneOf("regression", "single_label_classification", "multi_label_classification")
      .nullable()
      .default(null),
  },
  keys: { dtype: ["dtype", "torch_dtype"] },
  derive: (c) => {
    const id2label = c.id2label ?? defaultLabels(c.numLabels ?? 2);
    return {
      numKeyValueHeads: c.numKeyValueHeads ?? c.numAttentionHeads,
      headDim: c.headDim ?? c.hiddenSize / c.numAttentionHeads,
      layerTypes: uniformLayerTypes(c),
      mlpLayerTypes: mlpLayerTypesWhere(c.numHiddenLayers, () => false),
      id2label,
      numLabels: c.numLabels ?? Object.keys(id2label).length,
    };
  },
  fixed: {
    ...fixedKeys,
    layer_types: (c) => [c.layerTypes, null],
    mlp_layer_types: (c) => [c.mlpLayerTypes, null],
  },
  ignored: ignoredKeys,
});

/** The fields that every decoder config has. */
export type DecoderConfig = ConfigOf<typeof decoderFields>;
