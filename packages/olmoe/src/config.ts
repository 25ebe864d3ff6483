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
  mlpLayerTypesWhere,
  noWindow,
  number,
  paddingId,
  rope,
  tokenIds,
} from "@mixtape/config";

/** Config of OLMoE, with defaults filled in. */
export interface OlmoeConfig extends DecoderConfig {
  /** Width of one expert. */
  readonly intermediateSize: number;
  /** Width of one expert: OLMoE's `intermediateSize`. */
  readonly moeIntermediateSize: number;
  /** Magnitude to which queries, keys and values are clamped; null for no clamp. */
  readonly clipQkv: number | null;
  /** Number of experts per layer. */
  readonly numExperts: number;
  /** Number of experts per token. */
  readonly numExpertsPerTok: number;
  /** Whether the weights of the selected experts are normalised to sum to 1. */
  readonly normTopkProb: boolean;
  /** Load-balancing loss coefficient. */
  readonly routerAuxLossCoef: number;
}

/**
 * Config of OLMoE: every layer has experts of width `intermediateSize`. Defaults are those of transformers'
 * `OlmoeConfig`.
 */
export const olmoeConfig: ConfigDefinition<OlmoeConfig, ConfigInput<OlmoeConfig>> = defineConfig({
  modelType: "olmoe",
  extends: decoderConfig,
  fields: {
    vocabSize: int().default(50_304),
    hiddenSize: int().default(2048),
    intermediateSize: int().default(2048),
    numHiddenLayers: layerCount().default(16),
    numAttentionHeads: int().default(16),
    maxPositionEmbeddings: int().default(4096),
    rmsNormEps: number({ min: 0 }).default(1e-5),
    slidingWindow: noWindow("OLMoE"),
    ropeParameters: rope({ defaultTheta: 1e4, partial: false }),
    padTokenId: paddingId().nullable().default(1),
    eosTokenId: tokenIds({ negative: true }).nullable().default(50_279),
    clipQkv: number({ min: 0 }).nullable().default(null),
    numExperts: int().default(64),
    numExpertsPerTok: int().default(8),
    normTopkProb: bool().default(false),
    routerAuxLossCoef: number({ min: 0 }).default(0.01),
  },
  keys: { numExperts: ["num_experts", "num_local_experts"] },
  derive: (c) => ({
    moeIntermediateSize: c.intermediateSize,
    mlpLayerTypes: mlpLayerTypesWhere(c.numHiddenLayers, () => true),
  }),
  check: (c, report) => {
    checkExperts(c, report);
    // The norms of queries and keys have this width, whatever head_dim is.
    const headDim = c.hiddenSize / c.numAttentionHeads;
    if (c.headDim !== headDim)
      report("headDim", {
        expected: `${headDim}, hidden_size / num_attention_heads`,
        got: String(c.headDim),
      });
  },
});
