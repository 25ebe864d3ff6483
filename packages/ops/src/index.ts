import "#tfjs-gradients";
import { type FusedKernelName, listedKernels } from "./autodiff/fused-kernels.js";

export {
  type Activation,
  type ActivationParts,
  activate,
  type Gating,
  type GatingKernel,
} from "./activations/activation.js";
export { ACTIVATIONS } from "./activations/activations.js";
export { type ClampedSwigluOptions, clampedSwiglu } from "./activations/clamped-swiglu.js";
export { defineActivation, defineGating } from "./activations/define-activation.js";
export { gelu } from "./activations/gelu.js";
export { geluTanh } from "./activations/gelu-tanh.js";
export { relu } from "./activations/relu.js";
export { relu2 } from "./activations/relu2.js";
export { sigmoid } from "./activations/sigmoid.js";
export { silu } from "./activations/silu.js";
export {
  type AttentionAttributes,
  type AttentionOptions,
  attention,
  attentionWithProbabilities,
} from "./attention/attention.js";
export {
  AttentionMask,
  type AttentionMaskShape,
  type DocumentIds,
  type KeyPadding,
} from "./attention/attention-mask.js";
export { perHeadLinear, perHeadTransposedLinear } from "./attention/per-head-linear.js";
export { type HeadProjection, projectHeads, splitHeads } from "./attention/project-heads.js";
export { type RotaryOptions, type RotaryTables, rotary } from "./attention/rotary.js";
export type { FusedKernel, FusedKernelName, FusedKernels } from "./autodiff/fused-kernels.js";
export { gradientCheckpoint } from "./autodiff/gradient-checkpoint.js";
export { gradientsOf, valueAndGradientsOf } from "./autodiff/gradients.js";
export { captureIntermediates, type Intermediate, sowIntermediate } from "./autodiff/intermediates.js";
export {
  type BackAttributes,
  defineOp,
  defineOpWithOutputs,
  hasKernel,
  type OpContract,
  type OpGradient,
  type OpInputs,
} from "./autodiff/op.js";
export { noGrad } from "./autodiff/recording.js";
export { assign, canAssign } from "./cache/assign.js";
export { canKeepInt8, createKeyValueStore, storeToAppendTo } from "./cache/create-key-value-store.js";
export { Int8KeyValueStore } from "./cache/int8-key-value-store.js";
export {
  appendNumbers,
  type CodeTensors,
  codesOf,
  exportNumbers,
  type KeyValueCodes,
} from "./cache/key-value-state.js";
export { TensorKeyValueStore } from "./cache/tensor-key-value-store.js";
export { isDeferring } from "./capture/deferring.js";
export { GraphedFunction } from "./capture/graphed-function.js";
export { hostCallback, observeHostCallbacks } from "./capture/host-callback.js";
export { runDeferred } from "./capture/run-deferred.js";
export type { Deferral } from "./engines/deferral.js";
export { type EngineTraits, engineTraits, registerEngine, storageOf } from "./engines/engines.js";
export type { CapturedGraph, CaptureResult, GraphCapture, TensorFunction } from "./engines/graph-capture.js";
export { OpsError } from "./errors.js";
export { chooseExperts, type RoutingSpec } from "./experts/choose-experts.js";
export { experts } from "./experts/experts.js";
export { groupedLinear, groupRows, type RowGroups } from "./experts/grouped-linear.js";
export { groupedGradWeight, groupedMatMul, type Offsets } from "./experts/grouped-matmul.js";
export type { ExpertStacks, Routed } from "./experts/routed.js";
export type { SortedRows } from "./experts/sorted-rows.js";
export { chooseStrategy, type ExpertsStrategy, type ExpertsWork, expertsRuns } from "./experts/strategy.js";
export { gate } from "./feed-forward/gate.js";
export { type GatedMlpWeights, gatedMlp, type MlpBiases, type MlpMatrices } from "./feed-forward/gated-mlp.js";
export { registerHostKernels } from "./kernels/register.js";
export { embedding } from "./linear/embedding.js";
export { linear } from "./linear/linear.js";
export { type AdamWAttributes, type AdamWInputs, type AdamWStep, adamW } from "./math/adam-w.js";
export { crossEntropy } from "./math/cross-entropy.js";
export { dropout, gaussianNoise, jitter } from "./math/dropout.js";
export { oneHot } from "./math/one-hot.js";
export { reshape } from "./math/reshape.js";
export { rmsNorm } from "./math/rms-norm.js";
export { sumOfSquares } from "./math/sum-of-squares.js";
export { scatterAlongAxis, takeAlongAxis } from "./math/take-along-axis.js";
export { topKIndices } from "./math/top-k-indices.js";
export { currentRng, Rng, withRng } from "./random/rng.js";
export { type CausalConvolutionInputs, causalConvolution } from "./recurrence/causal-convolution.js";
export {
  type GatedDeltaRuleAttributes,
  type GatedDeltaRuleInputs,
  gatedDeltaRule,
} from "./recurrence/gated-delta-rule.js";
export {
  type AppendedKeyValues,
  checkAppended,
  type KeyValueState,
  type KeyValueStore,
  type KeyValueStoreOptions,
  type KeyValues,
  KV_CACHE_DTYPES,
  type KvCacheDtype,
} from "./storage/key-value-store.js";
export {
  type ExpertMemory,
  encodeWeight,
  FloatStorage,
  type FloatStorageOptions,
  readFloats,
  type Storage,
  WEIGHT_RANKS,
} from "./storage/storage.js";
export {
  disposeWeight,
  logicalTensor,
  matrixAt,
  type StackedView,
  stackViews,
  type Weight,
  type WeightRole,
  type WeightView,
} from "./storage/weight.js";

/** The names of the fused kernels that the ops of this package ask for: what an engine can offer. */
export const FUSED_KERNELS: readonly FusedKernelName[] = listedKernels() as FusedKernelName[];
