import {
  type ConfigOf,
  checkExperts,
  count,
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

/**
 * Qwen3-MoE's config: heads are normalised, every `decoderSparseStep`-th layer has experts, the others are dense. The
 * defaults are transformers' `Qwen3MoeConfig`.
 */
export const qwen3MoeConfig = defineConfig({
  modelType: "qwen3_moe",
  extends: decoderConfig,
  fields: {
    vocabSize: count().default(151_936),
    hiddenSize: count().default(2048),
    /** The width of a dense layer. */
    intermediateSize: count().default(6144),
    numHiddenLayers: layerCount().default(24),
    numKeyValueHeads: count().nullable().default(4),
    maxPositionEmbeddings: count().default(32_768),
    /** Whether `slidingWindow` holds; without it there is none. */
    useSlidingWindow: flag().default(false),
    slidingWindow: count().nullable().default(4096),
    /** Layer i can have experts if i + 1 is a multiple. */
    decoderSparseStep: count().default(1),
    /** The indices of layers that are dense whatever the step says. */
    mlpOnlyLayers: listOf(count({ min: 0 }), "layer indices").nullish(),
    ropeParameters: rope({ defaultTheta: 1e4, partial: false }),
    /** The width of one expert. */
    moeIntermediateSize: count().default(768),
    /** Experts in a layer; with 0, every layer is dense. */
    numExperts: count({ min: 0 }).default(128),
    /** Experts that a token is sent to. */
    numExpertsPerTok: count().default(8),
    /** Whether the weights of the chosen experts are scaled to sum to 1. */
    normTopkProb: flag().default(false),
    /** What the load balancing loss is multiplied with. */
    routerAuxLossCoef: number({ min: 0 }).default(0.001),
  },
  keys: { numExperts: ["num_experts", "num_local_experts"] },
  derive: (c) => {
    const slidingWindow = c.useSlidingWindow ? c.slidingWindow : null;
    const mlpOnlyLayers = c.mlpOnlyLayers ?? [];
    const isSparse = (layer: number) =>
      !mlpOnlyLayers.includes(layer) && c.numExperts > 0 && (layer + 1) % c.decoderSparseStep === 0;
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
    for (const layer of c.mlpOnlyLayers) {
      if (layer < c.numHiddenLayers) continue;
      report("mlpOnlyLayers", {
        expected: `layers below ${c.numHiddenLayers}, the number of layers`,
        got: String(layer),
      });
    }
  },
});

/** A config as {@link qwen3MoeConfig} reads it, with every default filled. */
export type Qwen3MoeConfig = ConfigOf<typeof qwen3MoeConfig>;
