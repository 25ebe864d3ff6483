export type { Around } from "./around.js";
export { Attention, type AttentionConfig, type AttentionContext, type Heads } from "./attention.js";
export { Embedding } from "./embedding.js";
export { LayersError } from "./errors.js";
export { Experts, type ExpertsConfig } from "./experts.js";
export { GatedMlp, type MlpConfig } from "./gated-mlp.js";
export { KVCache } from "./kv-cache.js";
export { Linear } from "./linear.js";
export { Module } from "./module.js";
export {
  MoeBlock,
  type MoeConfig,
  type OnRouterLogits,
  type SharedExpertsConfig,
  SharedExpertsMoeBlock,
} from "./moe-block.js";
export { type Init, Param, type ParamOptions } from "./param.js";
export { QKNormAttention } from "./qk-norm-attention.js";
export { RMSNorm } from "./rms-norm.js";
export { type Positions, type RotaryConfig, RotaryEmbedding } from "./rotary-embedding.js";
export { Router, type RouterConfig, type Routing } from "./router.js";
export { SigmoidBiasRouter, type SigmoidBiasRouterConfig } from "./sigmoid-bias-router.js";
export { SoftmaxRouter } from "./softmax-router.js";
