import {
  type ConfigDefinition,
  type ConfigInput,
  checkExperts,
  count,
  type DecoderConfig,
  decoderConfig,
  defineConfig,
  flag,
  layerCount,
  mlpLayerTypesWhere,
  noWindow,
  number,
  paddingId,
  rope,
  tokenIds,
} from "@mixtape/config";

/** A config as {@link olmoeConfig} reads it, with every default filled in. */
export interface OlmoeConfig extends DecoderConfig {
  /** Width of one expert. */
  readonly intermediateSize: number;
  /** Width of one expert: OLMoE's `intermediateSize`. */
  readonly moeIntermediateSize: number;
  /** Queries, keys and values are clamped to at most this magnitude; null for no clamp. */
  readonly clipQkv: number | null;
  /** Number of experts in a layer. */
  readonly numExperts: number;
  /** Number of experts that a token is sent to. */
  readonly numExpertsPerTok: number;
  /** Whether the weights of the chosen experts are scaled to sum to 1. */
  readonly normTopkProb: boolean;
  /** Load balancing loss coefficient. */
  readonly routerAuxLossCoef: number;
}

/** OLMoE's config: every layer has experts, `intermediateSize` wide each. The defaults are transformers' `OlmoeConfig`. */
export const olmoeConfig: ConfigDefinition<OlmoeConfig, ConfigInput<OlmoeConfig>> = defineConfig({
  modelType: "olmoe",
  extends: decoderConfig,
  fields: {
    vocabSize: count().default(50_304),
    hiddenSize: count().default(2048),
    intermediateSize: count().default(2048),
    numHiddenLayers: layerCount().default(16),
    numAttentionHeads: count().default(16),
    maxPositionEmbeddings: count().default(4096),
    rmsNormEps: number({ min: 0 }).default(1e-5),
    slidingWindow: noWindow("OLMoE"),
    ropeParameters: rope({ defaultTheta: 1e4, partial: false }),
    padTokenId: paddingId().nullable().default(1),
    eosTokenId: tokenIds({ negative: true }).nullable().default(50_279),
    clipQkv: number({ min: 0 }).nullable().default(null),
    numExperts: count().default(64),
    numExpertsPerTok: count().default(8),
    normTopkProb: flag().default(false),
    routerAuxLossCoef: number({ min: 0 }).default(0.01),
  },
  keys: { numExperts: ["num_experts", "num_local_experts"] },
  derive: (c) => ({
    moeIntermediateSize: c.intermediateSize,
    mlpLayerTypes: mlpLayerTypesWhere(c.numHiddenLayers, () => true),
  }),
  check: (c, report) => {
    checkExperts(c, report);
    // The norms of queries and keys are as wide as this share says, whatever head_dim is.
    const headDim = c.hiddenSize / c.numAttentionHeads;
    if (c.headDim !== headDim)
      report("headDim", {
        expected: `${headDim}, hidden_size by the number of attention heads`,
        got: String(c.headDim),
      });
  },
});
