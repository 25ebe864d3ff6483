import {
  type ConfigDefinition,
  type ConfigInput,
  checkSparseLayers,
  count,
  type DecoderConfig,
  decoderConfig,
  defineConfig,
  flag,
  layerCount,
  layerTypeList,
  layerTypesWhere,
  noWindow,
  number,
  rope,
  type SparseLayers,
  sparseLayerFields,
  sparseLayers,
} from "@mixtape/config";
import type { GatedDeltaNetConfig, GatedSharedMoeConfig } from "@mixtape/layers";

/** A config as {@link qwen3NextConfig} reads it, with every default filled in. */
export interface Qwen3NextConfig extends DecoderConfig, GatedDeltaNetConfig, GatedSharedMoeConfig, SparseLayers {
  /** Every so many layers one attends; the others are Gated DeltaNet. Read where the file has no `layer_types`. */
  readonly fullAttentionInterval: number;
  /** Whether the weights of the chosen experts are scaled to sum to 1. */
  readonly normTopkProb: boolean;
  /** Load-balancing loss coefficient. */
  readonly routerAuxLossCoef: number;
}

/**
 * Config of Qwen3-Next: every `fullAttentionInterval`-th layer has attention, the others are Gated DeltaNet. Defaults
 * are those of transformers' `Qwen3NextConfig`.
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
    slidingWindow: noWindow("Qwen3-Next"),
    layerTypes: layerTypeList(["linear_attention", "full_attention"]).nullish(),
    fullAttentionInterval: count().default(4),
    ropeParameters: rope({ defaultTheta: 1e4, defaultPartialRotaryFactor: 0.25 }),
    linearNumKeyHeads: count().default(16),
    linearNumValueHeads: count().default(32),
    linearKeyHeadDim: count().default(128),
    linearValueHeadDim: count().default(128),
    linearConvKernelDim: count({ min: 2 }).default(4),
    ...sparseLayerFields(),
    moeIntermediateSize: count().default(512),
    sharedExpertIntermediateSize: count().default(512),
    numExperts: count({ min: 0 }).default(512),
    numExpertsPerTok: count().default(10),
    normTopkProb: flag().default(true),
    routerAuxLossCoef: number({ min: 0 }).default(0.001),
  },
  keys: { numExperts: ["num_experts", "num_local_experts"] },
  derive: (c, given) => {
    const attends = (layer: number) => (layer + 1) % c.fullAttentionInterval === 0;
    const layerTypes = layerTypesWhere(c.numHiddenLayers, (layer) =>
      attends(layer) ? "full_attention" : "linear_attention",
    );
    return { ...sparseLayers(c), layerTypes: given.layerTypes ?? layerTypes };
  },
  // A key of the released config.
  fixed: { use_sliding_window: [false] },
  check: (c, report) => {
    checkSparseLayers(c, report);
    if (c.linearNumValueHeads % c.linearNumKeyHeads !== 0)
      report("linearNumValueHeads", {
        expected: `a multiple of linear_num_key_heads, ${c.linearNumKeyHeads}`,
        got: String(c.linearNumValueHeads),
      });
  },
});
