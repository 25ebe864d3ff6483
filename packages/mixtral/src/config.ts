import {
  bool,
  type ConfigDefinition,
  type ConfigInput,
  checkExperts,
  type DecoderConfig,
  decoderConfig,
  defineConfig,
  int,
  mlpLayerTypesWhere,
  number,
  rope,
  tokenId,
  tokenIds,
} from "@mixtape/config";

/** Config of Mixtral, with defaults filled in. */
export interface MixtralConfig extends DecoderConfig {
  /** Width of one expert. */
  readonly intermediateSize: number;
  /** Number of experts per layer. */
  readonly numExperts: number;
  /** Number of experts per token. */
  readonly numExpertsPerTok: number;
  /** Load-balancing loss coefficient. */
  readonly routerAuxLossCoef: number;
  /** ε: in training, hidden states are multiplied by noise from U(1 − ε, 1 + ε) before they are routed. */
  readonly routerJitterNoise: number;
  /** Width of one expert: Mixtral's `intermediateSize`. */
  readonly moeIntermediateSize: number;
}

/**
 * Config of Mixtral: every layer has experts of width `intermediateSize`, and slides if there is a window. Defaults are
 * those of transformers' `MixtralConfig`.
 */
export const mixtralConfig: ConfigDefinition<MixtralConfig, ConfigInput<MixtralConfig>> = defineConfig({
  modelType: "mixtral",
  extends: decoderConfig,
  fields: {
    hiddenSize: int().default(4096),
    intermediateSize: int().default(14_336),
    numKeyValueHeads: int().nullable().default(8),
    maxPositionEmbeddings: int().default(131_072),
    rmsNormEps: number({ min: 0 }).default(1e-5),
    attentionBias: bool()
      .refine((bias) => !bias, { error: "false, as Mixtral's projections have no biases" })
      .default(false),
    ropeParameters: rope({ defaultTheta: 1e6, partial: false }),
    bosTokenId: tokenId({ negative: true }).nullable().default(1),
    eosTokenId: tokenIds({ negative: true }).nullable().default(2),
    numExperts: int().default(8),
    numExpertsPerTok: int().default(2),
    routerAuxLossCoef: number({ min: 0 }).default(0.001),
    routerJitterNoise: number({ min: 0, below: 1 }).default(0),
  },
  keys: { numExperts: ["num_local_experts", "num_experts"] },
  derive: (c) => ({
    /** The width of one expert: Mixtral's `intermediateSize`. */
    moeIntermediateSize: c.intermediateSize,
    mlpLayerTypes: mlpLayerTypesWhere(c.numHiddenLayers, () => true),
  }),
  check: (c, report) => {
    checkExperts(c, report);
  },
});
