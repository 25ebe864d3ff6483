export { activationOf, gatingOf, registerActivation } from "./activations.js";
export {
  type AttendInputs,
  Attention,
  type AttentionConfig,
  attendHeads,
  type Heads,
  type ProjectedHeads,
} from "./attention.js";
export { Cache, type CacheState } from "./caches/cache.js";
export type { AddedTokens, CachedRow } from "./caches/cached-tokens.js";
export { KeyValueCache, type KeyValueCacheOptions } from "./caches/key-value-cache.js";
export type { LayerCache, LayerCacheOptions, LayerCacheState, Snapshot } from "./caches/layer-cache.js";
export { StateCache, type StateShapes } from "./caches/state-cache.js";
export { CausalConv } from "./causal-conv.js";
export { Embedding } from "./embedding.js";
export { LayersError } from "./errors.js";
export { Experts, type ExpertsConfig } from "./experts.js";
export type { ForwardHook } from "./forward-hook.js";
export { GatedDeltaNet, type GatedDeltaNetConfig } from "./gated-delta-net.js";
export { GatedMlp, type GatedMlpOptions, type MlpConfig } from "./gated-mlp.js";
export { LatentAttention, type LatentAttentionConfig, type SplitHeads } from "./latent-attention.js";
export { LayerNorm } from "./layer-norm.js";
export { Linear } from "./linear.js";
export { Mlp, type MlpOptions } from "./mlp.js";
export { Module } from "./module.js";
export type { FeedForward, FeedForwardContext } from "./moe/feed-forward.js";
export { GatedSharedExpert } from "./moe/gated-shared-expert.js";
export { type GatedSharedMoeConfig, gatedSharedMoe } from "./moe/gated-shared-moe.js";
export { MoeBlock, type MoeBlockParts, type RoutedExperts, type SharedExperts } from "./moe/moe-block.js";
export { TokenMask } from "./moe/token-mask.js";
export type { Norm } from "./norm.js";
export { type Init, Param, type ParamOptions } from "./param.js";
export { QKNormAttention } from "./qk-norm-attention.js";
export { RMSNorm } from "./rms-norm.js";
export { type Positions, type RotaryConfig, RotaryEmbedding } from "./rotary-embedding.js";
export {
  captureRouting,
  mapRouting,
  type RoutingOrigin,
  routerOf,
  sliceRouting,
  tokenMaskOf,
} from "./routers/captured-routing.js";
export { ExpertChoiceRouter, type ExpertChoiceRouterConfig } from "./routers/expert-choice-router.js";
export { expertCounts } from "./routers/expert-counts.js";
export {
  type GroupLimit,
  GroupLimitedRouter,
  type GroupLimitedRouterConfig,
  limitToGroups,
} from "./routers/group-limited-router.js";
export { namedRouters } from "./routers/named-routers.js";
export { Router, type RouterConfig } from "./routers/router.js";
export { loadBalancingLoss, routerZLoss } from "./routers/router-losses.js";
export type { CapturedRouting, Routing, RoutingConstraint, RoutingContext, TokenRouter } from "./routers/routing.js";
export {
  banExperts,
  combineObservers,
  forceExperts,
  type LayerChoice,
  type RoutingObserver,
  type RoutingSite,
} from "./routers/routing-observer.js";
export { RoutingRecorder, type RoutingTrace, replayRouting } from "./routers/routing-trace.js";
export { SigmoidBiasRouter, type SigmoidBiasRouterConfig } from "./routers/sigmoid-bias-router.js";
export { denseWeights, trimSlots } from "./routers/slots.js";
export { SoftmaxRouter } from "./routers/softmax-router.js";
export { TopPRouter, type TopPRouterConfig } from "./routers/top-p-router.js";
export type { Masks, MixerContext, TokenMixer } from "./token-mixer.js";
