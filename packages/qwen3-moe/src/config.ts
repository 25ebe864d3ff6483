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
  number,
  rope,
  type SparseLayers,
  sparseLayerFields,
  sparseLayers,
  uniformLayerTypes,
} from "@mixtape/config";

/** A config as {@link qwen3MoeConfig} reads it, with every default filled in. */
export interface Qwen3MoeConfig extends DecoderConfig, SparseLayers {
  /** Whether `slidingWindow` of the file holds; without it there is no window. */
  readonly useSlidingWindow: boolean;
  /** Width of one expert. */
  readonly moeIntermediateSize: number;
  /** Number of experts per layer; with 0, every layer is dense. */
  readonly numExperts: number;
  /** Number of experts per token. */
  readonly numExpertsPerTok: number;
  /** Whether the weights of the selected experts are normalised to sum to 1. */
  readonly normTopkProb: boolean;
  /** Load-balancing loss coefficient. */
  readonly routerAuxLossCoef: number;
}

/**
 * Config of Qwen3-MoE: queries and keys are normalised per head, every `decoderSparseStep`-th layer has experts, the
 * others are dense. Defaults are those of transformers' `Qwen3MoeConfig`.
 */
export const qwen3MoeConfig: ConfigDefinition<Qwen3MoeConfig, ConfigInput<Qwen3MoeConfig>> = defineConfig({
  modelType: "qwen3_moe",
  extends: decoderConfig,
  fields: {
    vocabSize: int().default(151_936),
    hiddenSize: int().default(2048),
    intermediateSize: int().default(6144),
    numHiddenLayers: layerCount().default(24),
    numKeyValueHeads: int().nullable().default(4),
    maxPositionEmbeddings: int().default(32_768),
    useSlidingWindow: bool().default(false),
    slidingWindow: int().nullable().default(4096),
    ...sparseLayerFields(),
    ropeParameters: rope({ defaultTheta: 1e4, partial: false }),
    moeIntermediateSize: int().default(768),
    numExperts: int({ min: 0 }).default(128),
    numExpertsPerTok: int().default(8),
    normTopkProb: bool().default(false),
    routerAuxLossCoef: number({ min: 0 }).default(0.001),
  },
  keys: { numExperts: ["num_experts", "num_local_experts"] },
  derive: (c) => {
    const slidingWindow = c.useSlidingWindow ? c.slidingWindow : null;
    return { ...sparseLayers(c), slidingWindow, layerTypes: uniformLayerTypes({ ...c, slidingWindow }) };
  },
  // Keys of the released Qwen3-Coder models.
  allowedValues: {
    use_qk_norm: [true],
    qkv_bias: [false],
    shared_expert_intermediate_size: [0, null],
  },
  ignored: {
    max_window_layers: "transformers does not read it: with use_sliding_window, every layer slides",
  },
  check: checkSparseLayers,
});
