import {
  bool,
  type ConfigOf,
  decoderConfig,
  defineConfig,
  int,
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
    vocabSize: int().default(151_936),
    hiddenSize: int().default(2048),
    intermediateSize: int().default(5632),
    numHiddenLayers: layerCount().default(24),
    numAttentionHeads: int().default(16),
    numKeyValueHeads: int().nullable().default(16),
    maxPositionEmbeddings: int().default(32_768),
    slidingWindow: int({ min: 0 }).nullable().default(4096),
    qkvBias: bool().default(true),
    decoderSparseStep: int().default(1),
    mlpOnlyLayers: listOf(int({ min: 0 }), "layer indices").nullish(),
    moeIntermediateSize: int().default(1408),
    sharedExpertIntermediateSize: int().default(5632),
    numExperts: int().default(60),
    numExpertsPerTok: int().default(4),
    normTopkProb: bool().default(false),
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
  allowedValues: { use_sliding_window: [false] },
  ignored: { max_window_layers: "says which layers slide, and with use_sliding_window false none does" },
});

export type Qwen2MoeConfig = ConfigOf<typeof qwen2MoeConfig>;
