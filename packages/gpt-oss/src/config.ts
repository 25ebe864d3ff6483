import {
  bool,
  type ConfigDefinition,
  type ConfigInput,
  checkExperts,
  type DecoderConfig,
  decoderConfig,
  defineConfig,
  int,
  layerCount,
  layerTypeList,
  layerTypesWhere,
  mlpLayerTypesWhere,
  number,
  rope,
} from "@mixtape/config";

/** Config of GPT-OSS, with defaults filled in. */
export interface GptOssConfig extends DecoderConfig {
  /** Width of one expert. */
  readonly intermediateSize: number;
  /** Width of one expert: GPT-OSS's `intermediateSize`. */
  readonly moeIntermediateSize: number;
  /** Number of experts per layer. */
  readonly numExperts: number;
  /** Number of experts per token. */
  readonly numExpertsPerTok: number;
  /** Load-balancing loss coefficient. */
  readonly routerAuxLossCoef: number;
}

/**
 * Config of GPT-OSS: every layer has experts of width `intermediateSize`; without `layer_types` in the file, every
 * other layer slides, from the first. Defaults are those of transformers' `GptOssConfig`.
 */
export const gptOssConfig: ConfigDefinition<GptOssConfig, ConfigInput<GptOssConfig>> = defineConfig({
  modelType: "gpt_oss",
  extends: decoderConfig,
  fields: {
    vocabSize: int().default(201_088),
    hiddenSize: int().default(2880),
    intermediateSize: int().default(2880),
    numHiddenLayers: layerCount().default(36),
    numAttentionHeads: int().default(64),
    numKeyValueHeads: int().nullable().default(8),
    headDim: int().nullable().default(64),
    maxPositionEmbeddings: int().default(131_072),
    rmsNormEps: number({ min: 0 }).default(1e-5),
    attentionBias: bool().default(true),
    slidingWindow: int().nullable().default(128),
    layerTypes: layerTypeList().nullish(),
    ropeParameters: rope({
      defaultTheta: 150_000,
      partial: false,
      defaults: {
        ropeType: "yarn",
        factor: 32,
        betaFast: 32,
        betaSlow: 1,
        truncate: false,
        originalMaxPositionEmbeddings: 4096,
      },
    }),
    numExperts: int().default(128),
    numExpertsPerTok: int().default(4),
    routerAuxLossCoef: number({ min: 0 }).default(0.001),
  },
  keys: { numExperts: ["num_local_experts", "num_experts"] },
  derive: (c, given) => {
    const layerTypes = layerTypesWhere(c.numHiddenLayers, (layer) =>
      layer % 2 === 0 ? "sliding_attention" : "full_attention",
    );
    return {
      moeIntermediateSize: c.intermediateSize,
      layerTypes: given.layerTypes ?? layerTypes,
      mlpLayerTypes: mlpLayerTypesWhere(c.numHiddenLayers, () => true),
    };
  },
  // Keys of the released config that repeat others, or the activation's constants.
  allowedValues: {
    experts_per_token: (c) => [c.numExpertsPerTok],
    swiglu_limit: [7],
  },
  ignored: { initial_context_length: "the context of YaRN, which original_max_position_embeddings gives" },
  check: checkExperts,
});
