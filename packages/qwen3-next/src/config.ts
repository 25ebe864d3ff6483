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
    vocabSize: int().default(151_936),
    hiddenSize: int().default(2048),
    intermediateSize: int().default(5632),
    numHiddenLayers: layerCount().default(48),
    numAttentionHeads: int().default(16),
    numKeyValueHeads: int().nullable().default(2),
    headDim: int().nullable().default(256),
    maxPositionEmbeddings: int().default(32_768),
    slidingWindow: noWindow("Qwen3-Next"),
    layerTypes: layerTypeList(["linear_attention", "full_attention"]).nullish(),
    fullAttentionInterval: int().default(4),
    ropeParameters: rope({ defaultTheta: 1e4, defaultPartialRotaryFactor: 0.25 }),
    linearNumKeyHeads: int().default(16),
    linearNumValueHeads: int().default(32),
    linearKeyHeadDim: int().default(128),
    linearValueHeadDim: int().default(128),
    linearConvKernelDim: int({ min: 2 }).default(4),
    ...sparseLayerFields(),
    moeIntermediateSize: int().default(512),
    sharedExpertIntermediateSize: int().default(512),
    numExperts: int({ min: 0 }).default(512),
    numExpertsPerTok: int().default(10),
    normTopkProb: bool().default(true),
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
  allowedValues: { use_sliding_window: [false] },
  check: (c, report) => {
    checkSparseLayers(c, report);
    if (c.linearNumValueHeads % c.linearNumKeyHeads !== 0)
      report("linearNumValueHeads", {
        expected: `a multiple of linear_num_key_heads, ${c.linearNumKeyHeads}`,
        got: String(c.linearNumValueHeads),
      });
  },
});
