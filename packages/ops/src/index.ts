import "#tfjs-gradients";
import { type FusedKernelName, listedKernels } from "./fused-kernels.js";

export {
  type Activation,
  activate,
  defineActivation,
  defineGating,
  type Gating,
  type GatingKernel,
} from "./activations/activation.js";
export { ACTIVATIONS } from "./activations/activations.js";
export { type ClampedSwigluOptions, clampedSwiglu } from "./activations/clamped-swiglu.js";
export { gelu } from "./activations/gelu.js";
export { geluTanh } from "./activations/gelu-tanh.js";
export { relu } from "./activations/relu.js";
export { relu2 } from "./activations/relu2.js";
export { sigmoid } from "./activations/sigmoid.js";
export { silu } from "./activations/silu.js";
export { type AdamWAttributes, type AdamWInputs, type AdamWStep, adamW } from "./adam-w.js";
export {
  type AttentionAttributes,
  type AttentionOptions,
  attention,
  attentionWithProbabilities,
} from "./attention.js";
export { AttentionMask, type AttentionMaskShape, type KeyPadding, type Segments } from "./attention-mask.js";
export { assign, canAssign } from "./cache/assign.js";
export { createKeyValueStore, storeToAppendTo } from "./cache/create-key-value-store.js";
export {
  type AppendedKeyValues,
  checkAppended,
  type KeyValueStore,
  type KeyValueStoreOptions,
  type KeyValues,
} from "./cache/key-value-store.js";
export { TensorKeyValueStore } from "./cache/tensor-key-value-store.js";
export { checkpoint } from "./checkpoint.js";
export { chooseExperts, type RoutingSpec } from "./choose-experts.js";
export { crossEntropy } from "./cross-entropy.js";
export { dropout, jitter } from "./dropout.js";
export { embedding } from "./embedding.js";
export { type EngineTraits, engineTraits, registerEngine, storageOf } from "./engines.js";
export { OpsError } from "./errors.js";
export { experts } from "./experts/experts.js";
export { groupedLinear, groupRows, type RowGroups } from "./experts/grouped-linear.js";
export { groupedMatMul, groupedOuter, type Offsets } from "./experts/grouped-products.js";
export type { ExpertStacks, Routed } from "./experts/routed.js";
export type { SortedRows } from "./experts/sorted-rows.js";
export { chooseStrategy, type ExpertsStrategy, type ExpertsWork, expertsRuns } from "./experts/strategy.js";
export type { FusedKernel, FusedKernelName, FusedKernels } from "./fused-kernels.js";
export { gate } from "./gate.js";
export { type GatedMlpWeights, gatedMlp, type MlpBiases, type MlpMatrices } from "./gated-mlp.js";
export { registerHostKernels } from "./kernels/register.js";
export { linear } from "./linear.js";
export { oneHot } from "./one-hot.js";
export {
  type BackAttributes,
  defineOp,
  defineOpWithOutputs,
  hasKernel,
  type OpContract,
  type OpGradient,
  type OpInputs,
} from "./op.js";
export { perHeadLinear, perHeadTransposedLinear } from "./per-head-linear.js";
export { type HeadProjection, projectHeads, splitHeads } from "./project-heads.js";
export { currentRandomness, Randomness, withRandomness } from "./randomness.js";
export { type CausalConvolutionInputs, causalConvolution } from "./recurrence/causal-convolution.js";
export {
  type GatedDeltaRuleAttributes,
  type GatedDeltaRuleInputs,
  gatedDeltaRule,
} from "./recurrence/gated-delta-rule.js";
export { reshape } from "./reshape.js";
export { rmsNorm } from "./rms-norm.js";
export { type RotaryOptions, type RotaryTables, rotary } from "./rotary.js";
export { collectSideOutputs, type SideOutput, sideOutput } from "./side-outputs.js";
export {
  effect,
  notingEffects,
  type Recorded,
  type RecordedStep,
  type Step,
  type StepRecorder,
} from "./steps/recorder.js";
export { RepeatedStep } from "./steps/repeated-step.js";
export {
  encodeWeight,
  FloatStorage,
  type FloatStorageOptions,
  readFloats,
  type Storage,
  WEIGHT_RANKS,
} from "./storage.js";
export { sumOfSquares } from "./sum-of-squares.js";
export { scatterAlong, takeAlong } from "./take-along.js";
export { gradientsOf, untaped, valueAndGradientsOf } from "./tape.js";
export { topKIndices } from "./top-k-indices.js";
export {
  disposeWeight,
  logicalTensor,
  type StackedView,
  stackViews,
  type Weight,
  type WeightRole,
  type WeightView,
} from "./weight.js";

/** The names of the fused kernels that the ops of this package ask for: what an engine can offer. */
export const FUSED_KERNELS: readonly FusedKernelName[] = listedKernels() as FusedKernelName[];
