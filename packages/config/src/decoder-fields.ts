import * as z from "zod";
import { classifierDropout } from "./classifier-dropout.js";
import type { ConfigDefinition } from "./config-definition.js";
import type { ConfigInput } from "./config-input.js";
import { defineConfig } from "./define-config.js";
import { bool, int, listOf, number, oneOf, paddingId, string, tokenId, tokenIds } from "./fields.js";
import { type HiddenAct, hiddenAct } from "./hidden-act.js";
import { fixedKeys, ignoredKeys, inertKeys } from "./inherited-keys.js";
import { defaultLabels, type Labels, labels, MAX_LABELS } from "./labels.js";
import { type LayerType, layerCount, type MlpLayerType, mlpLayerTypesWhere, uniformLayerTypes } from "./layer-types.js";
import { rope } from "./rope/rope-field.js";
import type { RopeParameters } from "./rope/rope-parameters.js";

/** Types of checkpoint weights, under torch's names. */
export const DTYPES = ["float32", "float16", "bfloat16", "float64", "float8_e4m3fn", "float8_e5m2"] as const;

/** Fields of every decoder config, with defaults filled in. A family's config adds its own. */
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
  /** Longest context that the model was trained for, in tokens. */
  readonly maxPositionEmbeddings: number;
  /** ε in the denominator of RMSNorm. */
  readonly rmsNormEps: number;
  /** Activation of the gated MLPs. */
  readonly hiddenAct: HiddenAct;
  /** Whether the head shares its weight with the embedding. */
  readonly tieWordEmbeddings: boolean;
  /** Whether the query, key, value and output projections have biases. */
  readonly attentionBias: boolean;
  /** Dropout probability of attention weights in training. */
  readonly attentionDropout: number;
  /** Standard deviation of newly initialised weights. */
  readonly initializerRange: number;
  /** Kept for the file; generation always uses a cache. */
  readonly useCache: boolean;
  /** Whether `forward` returns router logits by default. */
  readonly outputRouterLogits: boolean;
  /** Number of keys visible in a sliding layer, the query's own included; null for none. */
  readonly slidingWindow: number | null;
  /** Type and parameters of rotary position embeddings. */
  readonly ropeParameters: RopeParameters;
  /** Token that begins a text; null for none. */
  readonly bosTokenId: number | null;
  /** Token, or any of the tokens, that ends a text; null for none. */
  readonly eosTokenId: number | readonly number[] | null;
  /**
   * Token that pads shorter rows of a batch; its embedding gets no gradient from lookups. A negative id counts from the
   * end, as in torch; null for none.
   */
  readonly padTokenId: number | null;
  /** Type of the weights in the checkpoint. */
  readonly dtype: (typeof DTYPES)[number] | null;
  /** Classes of transformers that the checkpoint was saved from: `["MixtralForCausalLM"]`. */
  readonly architectures: readonly string[] | null;
  /** Number of classes of a classification head. */
  readonly numLabels: number;
  /** Names of the classes, by index. */
  readonly id2label: Labels;
  /** Loss of a sequence classifier; null picks it by the type of the labels. */
  readonly problemType: "regression" | "single_label_classification" | "multi_label_classification" | null;
  /** Dropout probability of a token classifier's hidden states in training. */
  readonly classifierDropout: number;
  /** Attention type of each layer. Derived from the other fields unless a family reads it. */
  readonly layerTypes: readonly LayerType[];
  /** Feed-forward type of each layer. Derived from the other fields. */
  readonly mlpLayerTypes: readonly MlpLayerType[];
}

/** Some files say `torch.bfloat16`. */
function withoutTorch(dtype: unknown): unknown {
  return typeof dtype === "string" ? dtype.replace(/^torch\./, "") : dtype;
}

/** Fields of every decoder config, without the rules between them. */
export const decoderFields: ConfigDefinition<DecoderConfig, ConfigInput<DecoderConfig>> = defineConfig({
  modelType: "decoder",
  fields: {
    vocabSize: int().default(32_000),
    hiddenSize: int().default(4096),
    intermediateSize: int().default(11_008),
    numHiddenLayers: layerCount().default(32),
    numAttentionHeads: int().default(32),
    numKeyValueHeads: int().nullish(),
    headDim: int().nullish(),
    maxPositionEmbeddings: int().default(2048),
    rmsNormEps: number({ min: 0 }).default(1e-6),
    hiddenAct: hiddenAct().default("silu"),
    tieWordEmbeddings: bool().default(false),
    attentionBias: bool().default(false),
    attentionDropout: number({ min: 0, below: 1 })
      .nullable()
      .default(0)
      .transform((share) => share ?? 0),
    initializerRange: number({ min: 0 }).default(0.02),
    useCache: bool().default(true),
    outputRouterLogits: bool().default(false),
    slidingWindow: int().nullable().default(null),
    ropeParameters: rope(),
    bosTokenId: tokenId({ negative: true }).nullable().default(null),
    eosTokenId: tokenIds({ negative: true }).nullable().default(null),
    padTokenId: paddingId().nullable().default(null),
    dtype: z.preprocess(withoutTorch, oneOf(...DTYPES).nullable()).default(null),
    architectures: listOf(string(), "class names").nullable().default(null),
    numLabels: int({ max: MAX_LABELS }).nullish(),
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
  allowedValues: {
    ...fixedKeys,
    layer_types: (c) => [c.layerTypes, null],
    mlp_layer_types: (c) => [c.mlpLayerTypes, null],
  },
  ignored: ignoredKeys,
  inert: [...inertKeys, "dtype", "architectures", "numLabels", "problemType"],
});
