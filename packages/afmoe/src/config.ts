import {
  bool,
  type ConfigDefinition,
  type ConfigInput,
  checkExperts,
  type DecoderConfig,
  decoderConfig,
  defineConfig,
  int,
  type LayerType,
  layerTypeList,
  mlpLayerTypesWhere,
  number,
  rope,
} from "@mixtape/config";

/** Config of AFMoE, with defaults filled in. */
export interface AfmoeConfig extends DecoderConfig {
  /** Width of the dense MLP. */
  readonly intermediateSize: number;
  /** Period of full-attention layers; the others slide. */
  readonly globalAttnEveryNLayers: number;
  /** Number of initial layers with a dense MLP instead of experts. */
  readonly numDenseLayers: number;
  /** Width of one expert. */
  readonly moeIntermediateSize: number;
  /** Number of routed experts per layer. */
  readonly numExperts: number;
  /** Number of routed experts per token. */
  readonly numExpertsPerTok: number;
  /** Number of shared experts, computed as one of width `numSharedExperts * moeIntermediateSize`. */
  readonly numSharedExperts: number;
  /** Factor of the weights of the selected experts, after they are normalised to sum to 1. */
  readonly routeScale: number;
  /** Whether embeddings are scaled by √hiddenSize (muP). */
  readonly mupEnabled: boolean;
}

/**
 * Config of AFMoE (Arcee's Trinity models): dense layers first, then layers with shared and routed experts; every
 * `globalAttnEveryNLayers`-th layer has full attention, the others slide. Defaults are those of transformers'
 * `AfmoeConfig`.
 */
export const afmoeConfig: ConfigDefinition<AfmoeConfig, ConfigInput<AfmoeConfig>> = defineConfig({
  modelType: "afmoe",
  extends: decoderConfig,
  fields: {
    vocabSize: int().default(200_192),
    hiddenSize: int().default(2048),
    intermediateSize: int().default(6144),
    numAttentionHeads: int().default(16),
    headDim: int().nullable().default(128),
    maxPositionEmbeddings: int().default(16_384),
    rmsNormEps: number({ min: 0 }).default(1e-5),
    slidingWindow: int().nullable().default(1024),
    layerTypes: layerTypeList().nullish(),
    globalAttnEveryNLayers: int()
      .nullable()
      .default(4)
      .transform((n) => n ?? 4),
    numDenseLayers: int({ min: 0 }).default(1),
    ropeParameters: rope({ defaultTheta: 1e4, partial: false }),
    moeIntermediateSize: int().default(1408),
    numExperts: int().default(64),
    numExpertsPerTok: int().default(6),
    numSharedExperts: int({ min: 0 }).default(2),
    routeScale: number().default(1),
    mupEnabled: bool()
      .nullable()
      .default(false)
      .transform((on) => on ?? false),
  },
  keys: { numExperts: ["num_experts", "num_local_experts"] },
  derive: (c, given) => ({
    layerTypes:
      given.layerTypes ??
      Array.from(
        { length: c.numHiddenLayers },
        (_, i): LayerType => ((i + 1) % c.globalAttnEveryNLayers ? "sliding_attention" : "full_attention"),
      ),
    mlpLayerTypes: mlpLayerTypesWhere(c.numHiddenLayers, (layer) => layer >= c.numDenseLayers),
  }),
  // Keys of the released Trinity models that their own Python code reads.
  allowedValues: {
    score_func: ["sigmoid"],
    route_norm: [true],
    n_group: [1, null],
    topk_group: [1, null],
    num_expert_groups: [1, null],
    num_limited_groups: [1, null],
  },
  ignored: {
    load_balance_coeff: "learning rate of expert_bias in the checkpoint's own trainer",
    use_grouped_mm: "selects a kernel, with the same result",
  },
  check: (c, report) => {
    checkExperts(c, report);
  },
});
