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
  listOf,
  mlpLayerTypesWhere,
  number,
  rope,
  uniformLayerTypes,
} from "@mixtape/config";

/** A config as {@link qwen3MoeConfig} reads it, with every default filled in. */
export interface Qwen3MoeConfig extends DecoderConfig {
  /** Width of a dense layer's MLP. */
  readonly intermediateSize: number;
  /** Whether `slidingWindow` of the file holds; without it there is no window. */
  readonly useSlidingWindow: boolean;
  /** Layer i can have experts if i + 1 is a multiple of this. */
  readonly decoderSparseStep: number;
  /** Indices of layers that are dense whatever the step says. */
  readonly mlpOnlyLayers: readonly number[];
  /** Width of one expert. */
  readonly moeIntermediateSize: number;
  /** Number of experts in a layer; with 0, every layer is dense. */
  readonly numExperts: number;
  /** Number of experts that a token is sent to. */
  readonly numExpertsPerTok: number;
  /** Whether the weights of the chosen experts are scaled to sum to 1. */
  readonly normTopkProb: boolean;
  /** Load balancing loss coefficient. */
  readonly routerAuxLossCoef: number;
}

/**
 * Qwen3-MoE's config: heads are normalised, every `decoderSparseStep`-th layer has experts, the others are dense. The
 * defaults are transformers' `Qwen3MoeConfig`.
 */
export const qwen3MoeConfig: ConfigDefinition<Qwen3MoeConfig, ConfigInput<Qwen3MoeConfig>> = defineConfig({
  modelType: "qwen3_moe",
  extends: decoderConfig,
  fields: {
    vocabSize: count().default(151_936),
    hiddenSize: count().default(2048),
    intermediateSize: count().default(6144),
    numHiddenLayers: layerCount().default(24),
    numKeyValueHeads: count().nullable().default(4),
    maxPositionEmbeddings: count().default(32_768),
    useSlidingWindow: flag().default(false),
    slidingWindow: count().nullable().default(4096),
    decoderSparseStep: count().default(1),
    mlpOnlyLayers: listOf(count({ min: 0 }), "layer indices").nullish(),
    ropeParameters: rope({ defaultTheta: 1e4, partial: false }),
    moeIntermediateSize: count().default(768),
    numExperts: count({ min: 0 }).default(128),
    numExpertsPerTok: count().default(8),
    normTopkProb: flag().default(false),
    routerAuxLossCoef: number({ min: 0 }).default(0.001),
  },
  keys: { numExperts: ["num_experts", "num_local_experts"] },
  derive: (c) => {
    const slidingWindow = c.useSlidingWindow ? c.slidingWindow : null;
    const mlpOnlyLayers = c.mlpOnlyLayers ?? [];
    const dense = new Set(mlpOnlyLayers);
    const isSparse = (layer: number) =>
      !dense.has(layer) && c.numExperts > 0 && (layer + 1) % c.decoderSparseStep === 0;
    return {
      slidingWindow,
      mlpOnlyLayers,
      layerTypes: uniformLayerTypes({ ...c, slidingWindow }),
      mlpLayerTypes: mlpLayerTypesWhere(c.numHiddenLayers, isSparse),
    };
  },
  // Keys of the released Qwen3-Coder models.
  fixed: {
    use_qk_norm: [true],
    qkv_bias: [false],
    shared_expert_intermediate_size: [0, null],
  },
  ignored: {
    max_window_layers: "transformers keeps it and does not read it: with use_sliding_window, every layer slides",
  },
  check: (c, report) => {
    // Without experts every layer is dense, and nothing reads how many a token would go to.
    if (c.numExperts > 0) checkExperts(c, report);
    const beyond = c.mlpOnlyLayers.find((layer) => layer >= c.numHiddenLayers);
    if (beyond !== undefined) {
      report("mlpOnlyLayers", {
        expected: `layers below ${c.numHiddenLayers}, the number of layers`,
        got: String(beyond),
        tolerated: true,
      });
    }
  },
});
