import {
  type ConfigOf,
  count,
  decoderConfig,
  defineConfig,
  flag,
  layerCount,
  listOf,
  mlpLayerTypesWhere,
  number,
  uniformLayerTypes,
} from "@mixtape/config";

export const qwen2MoeConfig = defineConfig({
  modelType: "qwen2_moe",
  extends: decoderConfig,
  fields: {
    vocabSize: count().default(151_936),
    hiddenSize: count().default(2048),
    intermediateSize: count().default(5632),
    numHiddenLayers: layerCount().default(24),
    numAttentionHeads: count().default(16),
    numKeyValueHeads: count().nullable().default(16),
    maxPositionEmbeddings: count().default(32_768),
    slidingWindow: count({ min: 0 }).nullable().default(4096),
    qkvBias: flag().default(true),
    decoderSparseStep: count().default(1),
    mlpOnlyLayers: listOf(count({ min: 0 }), "layer indices").nullish(),
    moeIntermediateSize: count().default(1408),
    sharedExpertIntermediateSize: count().default(5632),
    numExperts: count().default(60),
    numExpertsPerTok: count().default(4),
    normTopkProb: flag().default(false),
    routerAuxLossCoef: number({ min: 0 }).default(0.001),
  },
  keys: { numExperts: ["num_experts", "num_local_experts"] },
  derive: (c) => {
    const isSparse = (layer: number) => !c.mlpOnlyLayers?.includes(layer) && (layer + 1) % c.decoderSparseStep === 0;
    return {
      slidingWindow: null,
      layerTypes: uniformLayerTypes({ ...c, slidingWindow: null }),
      mlpLayerTypes: mlpLayerTypesWhere(c.numHiddenLayers, isSparse),
    };
  },
  fixed: { use_sliding_window: [false] },
  ignored: { max_window_layers: "says which layers slide, and with use_sliding_window false none does" },
});

export type Qwen2MoeConfig = ConfigOf<typeof qwen2MoeConfig>;
