/** What a fused kernel is given: the part of an op's contract that engines write kernels against. */
export interface Contract {
  readonly op: string;
  readonly kernel: string;
  readonly inputs: readonly string[];
  /** Inputs that may be absent. */
  readonly optional: readonly string[];
  readonly attributes: readonly string[];
  /** How many tensors it gives. */
  readonly outputs: number;
}

/** The contracts of all ops, as README.md lists them. */
export const CONTRACTS: readonly Contract[] = [
  contract("linear", "MixtapeLinear", "x, weight, bias?", "transposed"),
  contract("projectHeads", "MixtapeProjectHeads", "x, q, k, v, qBias?, kBias?, vBias?", "headDim, transposed", 3),
  contract("embedding", "MixtapeEmbedding", "ids, weight", "transposed, paddingIdx"),
  contract("rmsNorm", "MixtapeRmsNorm", "x, scale, residual?", "eps"),
  contract("rotary", "MixtapeRotary", "x, cos, sin", "interleaved"),
  contract("attention", "MixtapeAttention", "q, k, v, padding?, starts?, sinks?", "scale, window, mask"),
  contract("gatedDeltaRule", "MixtapeGatedDeltaRule", "q, k, v, g, beta, state?", "scale, l2NormEps", 2),
  contract("causalConvolution", "MixtapeCausalConvolution", "x, weight, past?", "", 2),
  contract("gate", "MixtapeGate", "gate, up", "gating"),
  contract("gatedMlp", "MixtapeGatedMlp", "x, gate, up, down, gateBias?, upBias?, downBias?", "gating, transposed"),
  contract(
    "experts",
    "MixtapeExperts",
    "x, indices, weights, gate, up, down, gateBias?, upBias?, downBias?",
    "gating, transposed",
  ),
  contract("groupedMatMul", "MixtapeGroupedMatMul", "x, stack", "offsets, transposed"),
  contract("groupedGradWeight", "MixtapeGroupedGradWeight", "a, b", "offsets"),
  contract("chooseExperts", "MixtapeChooseExperts", "logits, bias?", "k, score, normalize, scale", 2),
  contract("topKIndices", "MixtapeTopKIndices", "scores", "k"),
  contract("takeAlongAxis", "MixtapeTakeAlongAxis", "x, indices", ""),
  contract("crossEntropy", "MixtapeCrossEntropy", "logits, targets", ""),
  contract(
    "adamW",
    "MixtapeAdamW",
    "weight, mean, variance, gradient?",
    "learningRate, beta1, beta2, eps, weightDecay, step, gradientScale",
    3,
  ),
  contract("sumOfSquares", "MixtapeSumOfSquares", "0, 1?", ""),
];

function contract(op: string, kernel: string, inputs: string, attributes: string, outputs = 1): Contract {
  const names = inputs.split(", ");
  return {
    op,
    kernel,
    inputs: names.filter((name) => !name.endsWith("?")),
    optional: names.filter((name) => name.endsWith("?")).map((name) => name.slice(0, -1)),
    attributes: attributes === "" ? [] : attributes.split(", "),
    outputs,
  };
}
