import { copyRegisteredKernels, getKernel } from "@tensorflow/tfjs-core";
import { adamWKernel } from "./adam-w.js";
import { attentionBackKernel, attentionKernel } from "./attention.js";
import { batchMatMulKernel, fusedMatMulKernel } from "./batch-mat-mul.js";
import { addNKernel, binaryKernels, equalKernel } from "./binary.js";
import { castKernel } from "./cast.js";
import { chooseExpertsKernel } from "./choose-experts.js";
import { crossEntropyBackKernel, crossEntropyKernel } from "./cross-entropy.js";
import { embeddingKernel } from "./embedding.js";
import { expertsBackKernel, expertsKernel } from "./experts.js";
import { fillKernel, likeKernels } from "./fill.js";
import { gateBackKernel, gateKernel } from "./gate.js";
import { gatedMlpBackKernel, gatedMlpKernel } from "./gated-mlp.js";
import { gatherKernel, segmentSumKernel } from "./gather.js";
import { groupedGradWeightKernel, groupedMatMulKernel } from "./grouped.js";
import { type NativeKernel, registerNativeKernel } from "./kernel.js";
import { linearBackKernel, linearKernel } from "./linear.js";
import { projectHeadsBackKernel, projectHeadsKernel } from "./project-heads.js";
import { causalConvolutionKernel, gatedDeltaRuleKernel } from "./recurrence.js";
import { maxKernel, meanKernel, sumKernel } from "./reduce.js";
import { reshapeKernel } from "./reshape.js";
import { rmsNormBackKernel, rmsNormKernel } from "./rms-norm.js";
import { rotaryBackKernel, rotaryKernel } from "./rotary.js";
import { softmaxKernel } from "./softmax.js";
import {
  concatKernel,
  packKernel,
  padKernel,
  sliceKernel,
  splitKernel,
  tileKernel,
  transposeKernel,
} from "./strided-copy.js";
import { sumOfSquaresKernel } from "./sum-of-squares.js";
import { takeAlongAxisKernel } from "./take-along-axis.js";
import { topKIndicesKernel } from "./top-k-indices.js";
import { unaryKernels } from "./unary.js";

/** Kernels that `ops` asks for. */
const FUSED: readonly NativeKernel[] = [
  attentionKernel,
  linearKernel,
  projectHeadsKernel,
  embeddingKernel,
  rmsNormKernel,
  rotaryKernel,
  gatedDeltaRuleKernel,
  causalConvolutionKernel,
  gateKernel,
  gatedMlpKernel,
  expertsKernel,
  groupedMatMulKernel,
  groupedGradWeightKernel,
  chooseExpertsKernel,
  topKIndicesKernel,
  takeAlongAxisKernel,
  crossEntropyKernel,
  adamWKernel,
  sumOfSquaresKernel,
];

/** Backward kernels that `ops` asks for. */
const BACK: readonly NativeKernel[] = [
  attentionBackKernel,
  linearBackKernel,
  projectHeadsBackKernel,
  rmsNormBackKernel,
  rotaryBackKernel,
  gateBackKernel,
  gatedMlpBackKernel,
  expertsBackKernel,
  crossEntropyBackKernel,
];

/** Replacements of tfjs's own kernels that forward and backward passes run between the fused ones. */
const REPLACED: readonly NativeKernel[] = [
  batchMatMulKernel,
  fusedMatMulKernel,
  ...binaryKernels,
  addNKernel,
  equalKernel,
  ...unaryKernels,
  sumKernel,
  meanKernel,
  maxKernel,
  softmaxKernel,
  reshapeKernel,
  castKernel,
  fillKernel,
  ...likeKernels,
  sliceKernel,
  concatKernel,
  packKernel,
  splitKernel,
  padKernel,
  tileKernel,
  transposeKernel,
  gatherKernel,
  segmentSumKernel,
];

/** Registers the kernels of the backend `native`. All others are those of tfjs's cpu backend. */
export function registerKernels(): void {
  copyRegisteredKernels("cpu", "native");
  for (const kernel of [...FUSED, ...BACK, ...REPLACED])
    registerNativeKernel(kernel, getKernel(kernel.name, "native")?.kernelFunc);
}
