import {
  type ConfigDefinition,
  type ConfigInput,
  checkExperts,
  count,
  type DecoderConfig,
  decoderConfig,
  defineConfig,
  flag,
  type LayerType,
  layerCount,
  layerTypeList,
  listOf,
  mlpLayerTypesWhere,
  number,
  rope,
} from "@mixtape/config";

/** A config as {@link qwen3NextConfig} reads it, with every default filled in. */
export interface Qwen3NextConfig extends DecoderConfig {
  /** Width of a dense layer's MLP. */
  readonly intermediateSize: number;
  /** Every so many layers one attends; the others are Gated DeltaNet. Read where the file has no `layer_types`. */
  readonly fullAttentionInterval: number;
  /** Key heads of Gated DeltaNet. */
  readonly linearNumKeyHeads: number;
  /** Value heads of Gated DeltaNet, a multiple of its key heads. */
  readonly linearNumValueHeads: number;
  /** Width of a key head of Gated DeltaNet. */
  readonly linearKeyHeadDim: number;
  /** Width of a value head of Gated DeltaNet. */
  readonly linearValueHeadDim: number;
  /** Inputs that the convolution of Gated DeltaNet sees, a token's own included. */
  readonly linearConvKernelDim: number;
  /** Layer i can have experts if i + 1 is a multiple of this. */
  readonly decoderSparseStep: number;
  /** Indices of layers that are dense whatever the step says. */
  readonly mlpOnlyLayers: readonly number[];
  /** Width of one expert. */
  readonly moeIntermediateSize: number;
  /** Width of the shared expert. */
  readonly sharedExpertIntermediateSize: number;
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
 * Qwen3-Next's config: every `fullAttentionInterval`-th layer attends, the others are Gated DeltaNet. The defaults are transformers'
 * `Qwen3NextConfig`.
 */
export const qwen3NextConfig: ConfigDefinition<Qwen3NextConfig, ConfigInput<Qwen3NextConfig>> = defineConfig({
  modelType: "qwen3_next",
  extends: decoderConfig,
  fields: {
    vocabSize: count().default(151_936),
    hiddenSize: count().default(2048),
    intermediateSize: count().default(5632),
    numHiddenLayers: layerCount().default(48),
    numAttentionHeads: count().default(16),
    numKeyValueHeads: count().nullable().default(2),
    headDim: count().nullable().default(256),
    maxPositionEmbeddings: count().default(32_768),
    slidingWindow: count()
      .nullable()
      .refine((window) => window === null, { error: "null, as Qwen3-Next's layers do not slide" })
      .default(null),
    layerTypes: layerTypeList(["linear_attention", "full_attention"]).nullish(),
    fullAttentionInterval: count().default(4),
    ropeParameters: rope({ defaultTheta: 1e4, defaultPartialRotaryFactor: 0.25 }),
    linearNumKeyHeads: count().default(16),
    linearNumValueHeads: count().default(32),
    linearKeyHeadDim: count().default(128),
    linearValueHeadDim: count().default(128),
    linearConvKernelDim: count({ min: 2 }).default(4),
    decoderSparseStep: count().default(1),
    mlpOnlyLayers: listOf(count({ min: 0 }), "layer indices").nullish(),
    moeIntermediateSize: count().default(512),
    sharedExpertIntermediateSize: count().default(512),
    numExperts: count({ min: 0 }).default(512),
    numExpertsPerTok: count().default(10),
    normTopkProb: flag().default(true),
    routerAuxLossCoef: number({ min: 0 }).default(0.001),
  },
  keys: { numExperts: ["num_experts", "num_local_experts"] },
  derive: (c, given) => {
    const mlpOnlyLayers = c.mlpOnlyLayers ?? [];
    const isSparse = (layer: number) =>
      !mlpOnlyLayers.includes(layer) && c.numExperts > 0 && (layer + 1) % c.decoderSparseStep === 0;
    const typeOf = (layer: number): LayerType =>
      (layer + 1) % c.fullAttentionInterval ? "linear_attention" : "full_attention";
    return {
      mlpOnlyLayers,
      layerTypes: given.layerTypes ?? Array.from({ length: c.numHiddenLayers }, (_, layer) => typeOf(layer)),
      mlpLayerTypes: mlpLayerTypesWhere(c.numHiddenLayers, isSparse),
    };
  },
  // A key of the released config.
  fixed: { use_sliding_window: [false] },
  check: (c, report) => {
    if (c.numExperts > 0) checkExperts(c, report);
    if (c.linearNumValueHeads % c.linearNumKeyHeads !== 0)
      report("linearNumValueHeads", {
        expected: `a multiple of linear_num_key_heads, ${c.linearNumKeyHeads}`,
        got: String(c.linearNumValueHeads),
      });
  },
});
