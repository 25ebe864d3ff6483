import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { AdamWAttributes, AdamWInputs } from "./adam-w.js";
import type { AttentionAttributes, AttentionInputs } from "./attention.js";
import type { ChooseExpertsAttributes, ChooseExpertsInputs } from "./choose-experts.js";
import type { CrossEntropyInputs } from "./cross-entropy.js";
import type { EmbeddingAttributes, EmbeddingInputs } from "./embedding.js";
import type { ExpertsAttributes, ExpertsInputs } from "./experts/contract.js";
import type {
  GroupedMatMulAttributes,
  GroupedMatMulInputs,
  GroupedOuterAttributes,
  GroupedOuterInputs,
} from "./experts/grouped-products.js";
import type { GateAttributes, GateInputs } from "./gate.js";
import type { GatedMlpAttributes, GatedMlpInputs } from "./gated-mlp.js";
import type { LinearAttributes, LinearInputs } from "./linear.js";
import type { ProjectHeadsAttributes, ProjectHeadsInputs } from "./project-heads.js";
import type { CausalConvolutionInputs } from "./recurrence/causal-convolution.js";
import type { GatedDeltaRuleAttributes, GatedDeltaRuleInputs } from "./recurrence/gated-delta-rule.js";
import type { RmsNormAttributes, RmsNormInputs } from "./rms-norm.js";
import type { RotaryAttributes, RotaryInputs } from "./rotary.js";
import type { SumOfSquaresInputs } from "./sum-of-squares.js";
import type { TakeAlongInputs } from "./take-along.js";
import type { TopKIndicesAttributes, TopKIndicesInputs } from "./top-k-indices.js";

/** What an engine's kernel is called with, as tfjs has it: `TensorInfo` where the op has a tensor. */
export interface FusedKernel<I extends object, A extends object> {
  readonly inputs: { readonly [name in keyof I]: undefined extends I[name] ? TensorInfo | undefined : TensorInfo };
  readonly attrs: A;
}

type NoAttributes = Record<never, never>;

/**
 * The fused kernels that the ops of this package ask an engine for, each with its inputs and attributes. What a kernel has to
 * give is defined by the composition of its op.
 */
export interface FusedKernels {
  readonly MixtapeLinear: FusedKernel<LinearInputs, LinearAttributes>;
  readonly MixtapeProjectHeads: FusedKernel<ProjectHeadsInputs, ProjectHeadsAttributes>;
  readonly MixtapeEmbedding: FusedKernel<EmbeddingInputs, EmbeddingAttributes>;
  readonly MixtapeRmsNorm: FusedKernel<RmsNormInputs, RmsNormAttributes>;
  readonly MixtapeRotary: FusedKernel<RotaryInputs, RotaryAttributes>;
  readonly MixtapeAttention: FusedKernel<AttentionInputs, AttentionAttributes>;
  readonly MixtapeGatedDeltaRule: FusedKernel<GatedDeltaRuleInputs, GatedDeltaRuleAttributes>;
  readonly MixtapeCausalConvolution: FusedKernel<CausalConvolutionInputs, NoAttributes>;
  readonly MixtapeGate: FusedKernel<GateInputs, GateAttributes>;
  readonly MixtapeGatedMlp: FusedKernel<GatedMlpInputs, GatedMlpAttributes>;
  readonly MixtapeExperts: FusedKernel<ExpertsInputs, ExpertsAttributes>;
  readonly MixtapeGroupedMatMul: FusedKernel<GroupedMatMulInputs, GroupedMatMulAttributes>;
  readonly MixtapeGroupedOuter: FusedKernel<GroupedOuterInputs, GroupedOuterAttributes>;
  readonly MixtapeChooseExperts: FusedKernel<ChooseExpertsInputs, ChooseExpertsAttributes>;
  readonly MixtapeTopKIndices: FusedKernel<TopKIndicesInputs, TopKIndicesAttributes>;
  readonly MixtapeTakeAlong: FusedKernel<TakeAlongInputs, NoAttributes>;
  readonly MixtapeCrossEntropy: FusedKernel<CrossEntropyInputs, NoAttributes>;
  readonly MixtapeAdamW: FusedKernel<AdamWInputs, AdamWAttributes>;
  readonly MixtapeSumOfSquares: FusedKernel<SumOfSquaresInputs, NoAttributes>;
}

/** The name of a fused kernel. */
export type FusedKernelName = keyof FusedKernels;

const NAMES: Readonly<Record<FusedKernelName, true>> = {
  MixtapeLinear: true,
  MixtapeProjectHeads: true,
  MixtapeEmbedding: true,
  MixtapeRmsNorm: true,
  MixtapeRotary: true,
  MixtapeAttention: true,
  MixtapeGatedDeltaRule: true,
  MixtapeCausalConvolution: true,
  MixtapeGate: true,
  MixtapeGatedMlp: true,
  MixtapeExperts: true,
  MixtapeGroupedMatMul: true,
  MixtapeGroupedOuter: true,
  MixtapeChooseExperts: true,
  MixtapeTopKIndices: true,
  MixtapeTakeAlong: true,
  MixtapeCrossEntropy: true,
  MixtapeAdamW: true,
  MixtapeSumOfSquares: true,
};

/** The names of all {@link FusedKernels}: what an engine can offer. */
export const FUSED_KERNELS = Object.keys(NAMES) as readonly FusedKernelName[];
