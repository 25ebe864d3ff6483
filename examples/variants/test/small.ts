/** Configs that are tested in seconds, with grouped heads, several experts, and windows that slide. */
import { mixtralConfig } from "@mixtape/mixtral";
import "../src/mish.js";
import "../src/ntk-rope.js";
import { LayerNormMixtralForCausalLM } from "../src/layer-norm-mixtral.js";
import { MixedQwen3MoeForCausalLM } from "../src/mixed-qwen3-moe.js";
import { NoisyMixtralForCausalLM } from "../src/noisy-mixtral.js";
import { ParallelMixtralForCausalLM } from "../src/parallel-mixtral.js";
import { SharedMixtralForCausalLM } from "../src/shared-mixtral.js";
import { SlidingQwen3MoeForCausalLM } from "../src/sliding-qwen3-moe.js";
import { SoftmaxAfmoeForCausalLM } from "../src/softmax-afmoe.js";
import { TopPMixtralForCausalLM } from "../src/top-p-mixtral.js";

const sizes = {
  vocabSize: 97,
  hiddenSize: 32,
  numHiddenLayers: 3,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 8,
  maxPositionEmbeddings: 128,
};
const experts = { intermediateSize: 40, moeIntermediateSize: 12, numExperts: 6, numExpertsPerTok: 2 };

export const softmaxAfmoe = SoftmaxAfmoeForCausalLM.family.config.create({
  ...sizes,
  ...experts,
  numSharedExperts: 1,
  globalAttnEveryNLayers: 2,
  slidingWindow: 6,
});

export const sharedMixtral = SharedMixtralForCausalLM.family.config.create({
  ...sizes,
  intermediateSize: 12,
  numExperts: 4,
  numExpertsPerTok: 2,
});

export const slidingQwen3Moe = SlidingQwen3MoeForCausalLM.family.config.create({
  ...sizes,
  ...experts,
  layerTypes: ["sliding_attention", "full_attention", "sliding_attention"],
  useSlidingWindow: true,
  slidingWindow: 6,
  routeScale: 1.5,
});

export const mixedQwen3Moe = MixedQwen3MoeForCausalLM.family.config.create({
  ...sizes,
  ...experts,
  numHiddenLayers: 4,
  mixers: ["full", "sliding", "latent", "recurrent"],
  useSlidingWindow: true,
  slidingWindow: 6,
});

export const topPMixtral = TopPMixtralForCausalLM.family.config.create({
  ...sizes,
  intermediateSize: 12,
  numExperts: 5,
  numExpertsPerTok: 4,
  topP: 0.55,
});

export const noisyMixtral = NoisyMixtralForCausalLM.family.config.create({
  ...sizes,
  intermediateSize: 12,
  numExperts: 4,
  numExpertsPerTok: 2,
});

export const parallelMixtral = ParallelMixtralForCausalLM.family.config.create({
  ...sizes,
  intermediateSize: 12,
  numExperts: 4,
  numExpertsPerTok: 2,
});

export const layerNormMixtral = LayerNormMixtralForCausalLM.family.config.create({
  ...sizes,
  intermediateSize: 12,
  numExperts: 4,
  numExpertsPerTok: 2,
});

export const ntkMixtral = mixtralConfig.create({
  ...sizes,
  intermediateSize: 12,
  numExperts: 4,
  numExpertsPerTok: 2,
  ropeParameters: { ropeType: "ntk", factor: 4 },
});

export const mishMixtral = mixtralConfig.create({
  ...sizes,
  intermediateSize: 12,
  numExperts: 4,
  numExpertsPerTok: 2,
  hiddenAct: "mish",
});
