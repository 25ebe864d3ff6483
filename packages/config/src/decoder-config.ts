import type { Report } from "./config-definition.js";
import type { ConfigOf } from "./config-definition.js";
import { show } from "./config-error.js";
import { defineConfig } from "./define-config.js";
import { count, flag, listOf, number, oneOf, text, tokenId, tokenIds } from "./fields.js";
import { fixedKeys, ignoredKeys } from "./inherited-keys.js";
import { defaultLabels, labels, MAX_LABELS } from "./labels.js";
import { mlpLayerTypesWhere, uniformLayerTypes } from "./layer-types.js";
import { type RopeParameters, rotaryDim } from "./rope.js";
import { rope } from "./rope-field.js";

/** Far above any model, and low enough that a list with an entry per layer is cheap. */
const MAX_LAYERS = 10_000;

/** The activations that the engines know, under transformers' names. */
export const HIDDEN_ACTS = ["silu", "gelu", "gelu_pytorch_tanh", "relu"] as const;
export type HiddenAct = (typeof HIDDEN_ACTS)[number];

/** Other names that transformers gives to the same functions. */
const ACT_SYNONYMS: Readonly<Record<string, HiddenAct>> = { swish: "silu", gelu_new: "gelu_pytorch_tanh" };

function hiddenAct() {
  const known = oneOf(...HIDDEN_ACTS);
  return oneOf(...HIDDEN_ACTS, "swish", "gelu_new").transform((name) => known.parse(ACT_SYNONYMS[name] ?? name));
}

export const DTYPES = ["float32", "float16", "bfloat16", "float64"] as const;

/**
 * What every decoder-only family shares, and by itself a plain dense decoder: each layer a gated MLP, and attention that is
 * full everywhere or, with a `slidingWindow`, sliding everywhere.
 */
export const decoderConfig = defineConfig({
  modelType: "decoder",
  fields: {
    /** The rows of the embedding. */
    vocabSize: count().default(32_000),
    /** The width of the residual stream. */
    hiddenSize: count().default(4096),
    /** The width of a dense MLP. */
    intermediateSize: count().default(11_008),
    numHiddenLayers: count({ max: MAX_LAYERS }).default(32),
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
    /** The share of attention weights dropped in training. */
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
    padTokenId: tokenId().nullable().default(null),
    /** The type of the weights in the checkpoint. */
    dtype: oneOf(...DTYPES).nullable().default(null),
    /** The classes in transformers that the checkpoint was saved from: `["MixtralForCausalLM"]`. */
    architectures: listOf(text(), "class names").nullable().default(null),
    /** The classes of a classification head. */
    numLabels: count({ max: MAX_LABELS }).nullish(),
    id2label: labels(),
    /** The loss of a sequence classifier; null lets the labels' type decide. */
    problemType: oneOf("regression", "single_label_classification", "multi_label_classification").nullable().default(null),
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
  check: (c, report) => {
    checkHeads(c, report);
    checkRope(c.ropeParameters, c.headDim, c.maxPositionEmbeddings, report);
    checkLayers(c, report);
    checkTokens(c, report);
    checkLabels(c, report);
  },
});

/** The fields that every decoder config has. */
export type DecoderConfig = ConfigOf<typeof decoderConfig>;

type Checked<K extends keyof DecoderConfig> = Pick<DecoderConfig, K>;

function checkHeads(
  c: Checked<"hiddenSize" | "numAttentionHeads" | "numKeyValueHeads" | "headDim">,
  report: Report,
): void {
  if (c.numAttentionHeads % c.numKeyValueHeads !== 0) {
    report("numKeyValueHeads", { expected: `a divisor of the ${c.numAttentionHeads} attention heads`, got: show(c.numKeyValueHeads) });
  }
  if (!Number.isInteger(c.headDim)) {
    report("headDim", {
      expected: `a width, as ${c.hiddenSize} features do not divide among ${c.numAttentionHeads} heads`,
      got: "nothing",
    });
  }
}

function checkRope(rope: RopeParameters, headDim: number, maxPositionEmbeddings: number, report: Report): void {
  const dim = rotaryDim(headDim, rope);
  if (Number.isInteger(headDim) && (dim % 2 !== 0 || dim === 0)) {
    const share = rope.partialRotaryFactor === 1 ? "" : ` of which ${rope.partialRotaryFactor} is rotated`;
    report("headDim", { expected: "an even number of rotated features", got: `${dim} (a head has ${headDim}${share})` });
  }
  if (rope.ropeType === "dynamic" && dim === 2) {
    report("headDim", { expected: 'more than 2 rotated features for rope_type "dynamic"', got: "2" });
  }
  if (rope.ropeType === "longrope") {
    for (const name of ["shortFactor", "longFactor"] as const) {
      if (rope[name].length === Math.floor(dim / 2)) continue;
      report(`ropeParameters.${name}`, {
        expected: `${Math.floor(dim / 2)} numbers, one for each rotated pair`,
        got: String(rope[name].length),
      });
    }
    if (rope.originalMaxPositionEmbeddings < 2 && rope.attentionFactor === null && rope.factor > 1) {
      report("ropeParameters.originalMaxPositionEmbeddings", { expected: "an integer of at least 2", got: "1" });
    }
  }
  if (rope.ropeType === "yarn" && rope.ropeTheta <= 1) {
    report("ropeParameters.ropeTheta", { expected: 'a number above 1 for rope_type "yarn"', got: show(rope.ropeTheta) });
  }
  if (rope.ropeType === "yarn" && rope.betaFast < rope.betaSlow) {
    report("ropeParameters.betaFast", { expected: `a number of at least betaSlow, ${rope.betaSlow}`, got: show(rope.betaFast) });
  }
  if (rope.ropeType === "llama3" && rope.highFreqFactor <= rope.lowFreqFactor) {
    report("ropeParameters.highFreqFactor", {
      expected: `a number above lowFreqFactor, ${rope.lowFreqFactor}`,
      got: show(rope.highFreqFactor),
    });
  }
  if ("originalMaxPositionEmbeddings" in rope && rope.originalMaxPositionEmbeddings > maxPositionEmbeddings) {
    report("ropeParameters.originalMaxPositionEmbeddings", {
      expected: `at most maxPositionEmbeddings, ${maxPositionEmbeddings}`,
      got: show(rope.originalMaxPositionEmbeddings),
    });
  }
}

function checkLayers(
  c: Checked<"layerTypes" | "mlpLayerTypes" | "numHiddenLayers" | "slidingWindow">,
  report: Report,
): void {
  for (const name of ["layerTypes", "mlpLayerTypes"] as const) {
    if (c[name].length === c.numHiddenLayers) continue;
    report(name, { expected: `${c.numHiddenLayers} entries, one for each layer`, got: String(c[name].length) });
  }
  if (c.slidingWindow === null && c.layerTypes.includes("sliding_attention")) {
    report("slidingWindow", { expected: "a window for the sliding layers", got: "null" });
  }
}

function checkTokens(c: Checked<"bosTokenId" | "eosTokenId" | "padTokenId" | "vocabSize">, report: Report): void {
  for (const name of ["bosTokenId", "eosTokenId", "padTokenId"] as const) {
    for (const id of [c[name] ?? []].flat()) {
      if (id < c.vocabSize) continue;
      report(name, { expected: `a token id below the vocabulary's size, ${c.vocabSize}`, got: show(id), fix: "Use null for none" });
    }
  }
}

function checkLabels(c: Checked<"numLabels" | "id2label" | "problemType">, report: Report): void {
  const named = Object.keys(c.id2label).length;
  if (named !== c.numLabels) report("numLabels", { expected: `${named}, as many as id2label names`, got: show(c.numLabels) });
  if (c.numLabels === 1 && c.problemType === "single_label_classification") {
    report("problemType", { expected: '"regression" or more than one label', got: show(c.problemType) });
  }
}
