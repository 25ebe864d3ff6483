import {
  bool,
  type ConfigDefinition,
  type ConfigInput,
  checkSparseLayers,
  type DecoderConfig,
  decoderConfig,
  defineConfig,
  int,
  layerCount,
  layerTypeList,
  layerTypesWhere,
  number,
  rope,
  type SparseLayers,
  sparseLayerFields,
  sparseLayers,
} from "@mixtape/config";

/** A config as {@link qwen2MoeConfig} reads it, with every default filled in. */
export interface Qwen2MoeConfig extends DecoderConfig, SparseLayers {
  /** Whether the projections of queries, keys and values have biases. */
  readonly qkvBias: boolean;
  /** Whether `slidingWindow` of the file is used; otherwise there is no window. */
  readonly useSlidingWindow: boolean;
  /** Layers from this index on do not slide, if the file has no `layer_types`. */
  readonly maxWindowLayers: number;
  /** Width of one expert. */
  readonly moeIntermediateSize: number;
  /** Width of the shared expert. */
  readonly sharedExpertIntermediateSize: number;
  /** Number of routed experts per layer; with 0, every layer is dense. */
  readonly numExperts: number;
  /** Number of routed experts per token. */
  readonly numExpertsPerTok: number;
  /** Whether the weights of the selected experts are normalised to sum to 1. */
  readonly normTopkProb: boolean;
  /** Load-balancing loss coefficient. */
  readonly routerAuxLossCoef: number;
}

/**
 * Config of Qwen2-MoE: every `decoderSparseStep`-th layer has experts, the others are dense; with `useSlidingWindow`
 * every other of the first `maxWindowLayers` layers slides. Defaults are those of transformers' `Qwen2MoeConfig`.
 */
export const qwen2MoeConfig: ConfigDefinition<Qwen2MoeConfig, ConfigInput<Qwen2MoeConfig>> = defineConfig({
  modelType: "qwen2_moe",
  extends: decoderConfig,
  fields: {
    vocabSize: int().default(151_936),
    hiddenSize: int().default(2048),
    intermediateSize: int().default(5632),
    numHiddenLayers: layerCount().default(24),
    numAttentionHeads: int().default(16),
    numKeyValueHeads: int().nullable().default(16),
    maxPositionEmbeddings: int().default(32_768),
    attentionBias: bool()
      .refine((bias) => !bias, {
        error: "false, as qkv_bias sets the biases of queries, keys and values, and the output has none",
      })
      .default(false),
    qkvBias: bool().default(true),
    useSlidingWindow: bool().default(false),
    slidingWindow: int({ min: 0 }).nullable().default(4096),
    maxWindowLayers: int({ min: 0 }).default(28),
    layerTypes: layerTypeList().nullish(),
    ropeParameters: rope({ defaultTheta: 1e4, partial: false }),
    ...sparseLayerFields(),
    moeIntermediateSize: int().default(1408),
    sharedExpertIntermediateSize: int().default(5632),
    numExperts: int({ min: 0 }).default(60),
    numExpertsPerTok: int().default(4),
    normTopkProb: bool().default(false),
    routerAuxLossCoef: number({ min: 0 }).default(0.001),
  },
  keys: { numExperts: ["num_experts", "num_local_experts"] },
  derive: (c, given) => {
    const slides = (layer: number) => c.useSlidingWindow && layer % 2 === 0 && layer < c.maxWindowLayers;
    const layerTypes = layerTypesWhere(c.numHiddenLayers, (layer) =>
      slides(layer) ? "sliding_attention" : "full_attention",
    );
    return {
      ...sparseLayers(c),
      // 0 is what transformers writes for none.
      slidingWindow: (c.useSlidingWindow && c.slidingWindow) || null,
      layerTypes: given.layerTypes ?? layerTypes,
    };
  },
  check: checkSparseLayers,
});
