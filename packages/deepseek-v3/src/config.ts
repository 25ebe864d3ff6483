import {
  bool,
  type ConfigDefinition,
  type ConfigInput,
  checkExperts,
  type DecoderConfig,
  decoderConfig,
  defineConfig,
  int,
  layerCount,
  mlpLayerTypesWhere,
  noWindow,
  number,
  rope,
  tokenId,
  tokenIds,
} from "@mixtape/config";
import type { GroupLimitedRouterConfig, LatentAttentionConfig } from "@mixtape/layers";

/** A config as {@link deepseekV3Config} reads it, with every default filled in. */
export interface DeepseekV3Config extends DecoderConfig, LatentAttentionConfig, GroupLimitedRouterConfig {
  /** Width of one expert. */
  readonly moeIntermediateSize: number;
  /** Number of initial layers with a dense MLP instead of experts. */
  readonly firstKDenseReplace: number;
  /** Number of experts that see every token, computed as one of `numSharedExperts * moeIntermediateSize`. */
  readonly numSharedExperts: number;
  /** Whether the weights of the chosen experts are scaled to sum to 1, before `routeScale`. */
  readonly normTopkProb: boolean;
  /** Number of multi-token prediction layers in the checkpoint, behind the others; they are not loaded. */
  readonly numNextnPredictLayers: number;
}

/**
 * Config of DeepSeek-V3: dense layers first, then layers with shared and routed experts; latent attention in all of
 * them. Defaults are those of transformers' `DeepseekV3Config`.
 */
export const deepseekV3Config: ConfigDefinition<DeepseekV3Config, ConfigInput<DeepseekV3Config>> = defineConfig({
  modelType: "deepseek_v3",
  extends: decoderConfig,
  fields: {
    vocabSize: int().default(129_280),
    hiddenSize: int().default(7168),
    intermediateSize: int().default(18_432),
    moeIntermediateSize: int().default(2048),
    numHiddenLayers: layerCount().default(61),
    numAttentionHeads: int().default(128),
    headDim: int().nullish(),
    slidingWindow: noWindow("DeepSeek-V3"),
    bosTokenId: tokenId({ negative: true }).nullable().default(0),
    eosTokenId: tokenIds({ negative: true }).nullable().default(1),
    maxPositionEmbeddings: int().default(4096),
    ropeParameters: rope({ defaultTheta: 1e4, partial: false }),
    ropeInterleave: bool()
      .nullable()
      .default(true)
      .transform((on) => on ?? false),
    firstKDenseReplace: int({ min: 0 }).default(3),
    numExperts: int().default(256),
    numExpertsPerTok: int().default(8),
    numSharedExperts: int({ min: 0 }).default(1),
    nGroup: int().default(8),
    topkGroup: int().default(4),
    normTopkProb: bool().default(true),
    routeScale: number().default(2.5),
    qLoraRank: int().nullable().default(1536),
    kvLoraRank: int().default(512),
    qkNopeHeadDim: int().default(128),
    qkRopeHeadDim: int().default(64),
    vHeadDim: int().default(128),
    numNextnPredictLayers: layerCount({ min: 0 }).default(1),
  },
  keys: {
    numExperts: ["n_routed_experts", "num_local_experts"],
    numSharedExperts: ["n_shared_experts"],
    routeScale: ["routed_scaling_factor"],
    numNextnPredictLayers: ["num_nextn_predict_layers", "num_mtp_layers"],
  },
  derive: (c, given) => ({
    /** Rotated width. */
    headDim: given.headDim ?? c.qkRopeHeadDim,
    mlpLayerTypes: mlpLayerTypesWhere(c.numHiddenLayers, (layer) => layer >= c.firstKDenseReplace),
  }),
  // Keys of the released checkpoints that their own Python code reads.
  allowedValues: {
    qk_head_dim: (c) => [c.qkNopeHeadDim + c.qkRopeHeadDim, null],
    scoring_func: ["sigmoid"],
    topk_method: ["noaux_tc"],
    moe_layer_freq: [1],
  },
  ignored: {
    ep_size: "distributes a model over devices, with the same result",
    aux_loss_alpha: "a loss of the checkpoint's own trainer",
    seq_aux: "a loss of the checkpoint's own trainer",
  },
  check: (c, report) => {
    checkExperts(c, report);
    const { numExperts, numExpertsPerTok, nGroup, topkGroup, numAttentionHeads, qkRopeHeadDim } = c;
    const needed = Math.ceil((numExpertsPerTok * nGroup) / numExperts);
    if (numExperts % nGroup !== 0)
      report("nGroup", { expected: `a divisor of the number of experts, ${numExperts}`, got: String(nGroup) });
    else if (topkGroup < needed || topkGroup > nGroup)
      report("topkGroup", {
        expected: `from ${needed}, which hold ${numExpertsPerTok} experts, to ${nGroup}, the number of groups`,
        got: String(topkGroup),
      });
    if (c.numKeyValueHeads !== numAttentionHeads)
      report("numKeyValueHeads", {
        expected: `${numAttentionHeads}, as each head has its own keys and values`,
        got: String(c.numKeyValueHeads),
      });
    if (c.headDim !== qkRopeHeadDim)
      report("headDim", { expected: `${qkRopeHeadDim}, the width of rotary positions`, got: String(c.headDim) });
  },
});
