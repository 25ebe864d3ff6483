import * as z from "zod";
import { classifierDropout } from "./classifier-dropout.js";
import type { ConfigDefinition } from "./config-definition.js";
import type { ConfigInput } from "./config-input.js";
import { defineConfig } from "./define-config.js";
import { count, flag, listOf, number, oneOf, paddingId, text, tokenId, tokenIds } from "./fields.js";
import { type HiddenAct, hiddenAct } from "./hidden-act.js";
import { fixedKeys, ignoredKeys, inertKeys } from "./inherited-keys.js";
import { defaultLabels, type Labels, labels, MAX_LABELS } from "./labels.js";
import { type LayerType, layerCount, type MlpLayerType, mlpLayerTypesWhere, uniformLayerTypes } from "./layer-types.js";
import { rope } from "./rope/rope-field.js";
import type { RopeParameters } from "./rope/rope-parameters.js";

/** The types that a checkpoint's weights may have, under torch's names. */
export const DTYPES = ["float32", "float16", "bfloat16", "float64", "float8_e4m3fn", "float8_e5m2"] as const;

/** The fields of every decoder config, with every default filled in. A family's config has more. */
export interface DecoderConfig {
  /** The family: `model_type` in the file. */
  readonly modelType: string;
  /** Rows of the embedding. */
  readonly vocabSize: number;
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Width of a dense MLP. */
  readonly intermediateSize: number;
  /** Number of decoder layers. */
  readonly numHiddenLayers: number;
  /** Query heads of a layer. */
  readonly numAttentionHeads: number;
  /** Key and value heads; each serves `numAttentionHeads / numKeyValueHeads` query heads. Default: one for each query head. */
  readonly numKeyValueHeads: number;
  /** Features of a head. Default: `hiddenSize / numAttentionHeads`. */
  readonly headDim: number;
  /** The longest context that the model was made for, in tokens. */
  readonly maxPositionEmbeddings: number;
  /** ε in the denominator of RMSNorm. */
  readonly rmsNormEps: number;
  /** Activation of the gated MLPs. */
  readonly hiddenAct: HiddenAct;
  /** Whether the head shares its weights with the embedding. */
  readonly tieWordEmbeddings: boolean;
  /** Whether the query, key, value and output projections have biases. */
  readonly attentionBias: boolean;
  /** Probability with which attention weights are dropped in training. */
  readonly attentionDropout: number;
  /** Standard deviation of fresh weights. */
  readonly initializerRange: number;
  /** Kept for the file; generation always uses a cache. */
  readonly useCache: boolean;
  /** Whether `forward` returns router logits by default. */
  readonly outputRouterLogits: boolean;
  /** Number of keys that a sliding layer sees, its own included; null for none. */
  readonly slidingWindow: number | null;
  /** Type and parameters of rotary position embeddings. */
  readonly ropeParameters: RopeParameters;
  /** The token that begins a text; null for none. */
  readonly bosTokenId: number | null;
  /** The token, or any of the tokens, that ends a text; null for none. */
  readonly eosTokenId: number | readonly number[] | null;
  /**
   * The token that fills shorter rows of a batch, whose embedding learns nothing from being looked up. Below 0 it counts from the
   * end, as in torch; null for none.
   */
  readonly padTokenId: number | null;
  /** Type of the weights in the checkpoint. */
  readonly dtype: (typeof DTYPES)[number] | null;
  /** Classes in transformers that the checkpoint was saved from: `["MixtralForCausalLM"]`. */
  readonly architectures: readonly string[] | null;
  /** Number of classes of a classification head. */
  readonly numLabels: number;
  /** Names of those classes, by index. */
  readonly id2label: Labels;
  /** Loss of a sequence classifier; null lets the labels' type decide. */
  readonly problemType: "regression" | "single_label_classification" | "multi_label_classification" | null;
  /** Probability with which a token classifier drops hidden states in training. */
  readonly classifierDropout: number;
  /** Which layers slide, and which see all keys. Follows from the other fields unless a family reads it. */
  readonly layerTypes: readonly LayerType[];
  /** Which layers have experts, and which a dense MLP. Follows from the other fields. */
  readonly mlpLayerTypes: readonly MlpLayerType[];
}

/** Some files say `torch.bfloat16`. */
function withoutTorch(dtype: unknown): unknown {
  return typeof dtype === "string" ? dtype.replace(/^torch\./, "") : dtype;
}

/** The fields of every decoder config, without the rules between them. */
export const decoderFields: ConfigDefinition<DecoderConfig, ConfigInput<DecoderConfig>> = defineConfig({
  modelType: "decoder",
  fields: {
    vocabSize: count().default(32_000),
    hiddenSize: count().default(4096),
    intermediateSize: count().default(11_008),
    numHiddenLayers: layerCount().default(32),
    numAttentionHeads: count().default(32),
    numKeyValueHeads: count().nullish(),
    headDim: count().nullish(),
    maxPositionEmbeddings: count().default(2048),
    rmsNormEps: number({ min: 0 }).default(1e-6),
    hiddenAct: hiddenAct().default("silu"),
    tieWordEmbeddings: flag().default(false),
    attentionBias: flag().default(false),
    attentionDropout: number({ min: 0, below: 1 })
      .nullable()
      .default(0)
      .transform((share) => share ?? 0),
    initializerRange: number({ min: 0 }).default(0.02),
    useCache: flag().default(true),
    outputRouterLogits: flag().default(false),
    slidingWindow: count().nullable().default(null),
    ropeParameters: rope(),
    bosTokenId: tokenId({ negative: true }).nullable().default(null),
    eosTokenId: tokenIds({ negative: true }).nullable().default(null),
    padTokenId: paddingId().nullable().default(null),
    dtype: z.preprocess(withoutTorch, oneOf(...DTYPES).nullable()).default(null),
    architectures: listOf(text(), "class names").nullable().default(null),
    numLabels: count({ max: MAX_LABELS }).nullish(),
    id2label: labels(),
    classifierDropout: classifierDropout(),
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
      numLabels: c.id2label ? Object.keys(id2label).length : (c.numLabels ?? Object.keys(id2label).length),
    };
  },
  fixed: {
    ...fixedKeys,
    layer_types: (c) => [c.layerTypes, null],
    mlp_layer_types: (c) => [c.mlpLayerTypes, null],
  },
  ignored: ignoredKeys,
  inert: [...inertKeys, "dtype", "architectures", "numLabels", "problemType"],
});
