import {
  type ConfigOf,
  checkExperts,
  count,
  decoderConfig,
  defineConfig,
  flag,
  type LayerType,
  layerTypeList,
  mlpLayerTypesWhere,
  number,
  rope,
} from "@mixtape/config";

/**
 * AFMoE's config (Arcee's Trinity models): dense layers first, then layers with shared and routed experts; every
 * `globalAttnEveryNLayers`-th layer attends to everything, the others slide. The defaults are transformers' `AfmoeConfig`.
 */
export const afmoeConfig = defineConfig({
  modelType: "afmoe",
  extends: decoderConfig,
  fields: {
    vocabSize: count().default(200_192),
    hiddenSize: count().default(2048),
    /** The width of a dense layer. */
    intermediateSize: count().default(6144),
    numAttentionHeads: count().default(16),
    headDim: count().nullable().default(128),
    maxPositionEmbeddings: count().default(16_384),
    rmsNormEps: number({ above: 0 }).default(1e-5),
    slidingWindow: count().nullable().default(1024),
    /** Which layers slide: by `globalAttnEveryNLayers` unless given. */
    layerTypes: layerTypeList().nullish(),
    globalAttnEveryNLayers: count().default(4),
    /** How many layers, from the first, have a dense MLP and no experts. */
    numDenseLayers: count({ min: 0 }).default(1),
    ropeParameters: rope({ defaultTheta: 1e4, partial: false }),
    /** The width of one expert. */
    moeIntermediateSize: count().default(1408),
    /** Routed experts in a layer. */
    numExperts: count().default(64),
    /** Routed experts that a token is sent to. */
    numExpertsPerTok: count().default(6),
    /** Experts that see every token, computed as one of `numSharedExperts * moeIntermediateSize`. */
    numSharedExperts: count({ min: 0 }).default(2),
    /** What the weights of the chosen experts, summing to 1, are multiplied with. */
    routeScale: number().default(1),
    /** Whether embeddings are multiplied with √hiddenSize (muP); null in a file means false. */
    mupEnabled: flag()
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
  // Keys of the released Trinity models that the Python code which came with them read.
  fixed: {
    score_func: ["sigmoid"],
    route_norm: [true],
    n_group: [1, null],
    topk_group: [1, null],
    num_expert_groups: [1, null],
    num_limited_groups: [1, null],
  },
  ignored: {
    load_balance_coeff: "how fast expert_bias moves in training, which the checkpoint's own trainer did",
    use_grouped_mm: "a choice of kernel, not of maths",
  },
  check: (c, report) => {
    checkExperts(c, report);
  },
});

/** A config as {@link afmoeConfig} reads it, with every default filled. */
export type AfmoeConfig = ConfigOf<typeof afmoeConfig>;
