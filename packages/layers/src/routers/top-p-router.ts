import { noGrad, takeAlongAxis, topKIndices } from "@mixtape/ops";
import { cumsum, fill, lessEqual, sub, type Tensor2D, where } from "@tensorflow/tfjs-core";
import type { RouterConfig } from "./router.js";
import { SoftmaxRouter } from "./softmax-router.js";

/** Part of a config that a {@link TopPRouter} uses. */
export interface TopPRouterConfig extends RouterConfig {
  /** Maximum number of experts per token; `numExperts` for no limit besides `topP`. */
  readonly numExpertsPerTok: number;
  /** Experts are added to a token, the most probable first, until their total probability exceeds this. From 0 to 1. */
  readonly topP: number;
  /**
   * Whether the weights of a token are normalised to sum to 1. Default: false: they are the probabilities, as in the
   * paper.
   */
  readonly normTopkProb?: boolean;
}

/**
 * Top-p routing: a token with a confident router goes to few experts, others to more (Huang et al. 2024,
 * https://arxiv.org/abs/2403.07652). Unused slots have index −1 and weight 0.
 */
export class TopPRouter<C extends TopPRouterConfig = TopPRouterConfig> extends SoftmaxRouter<C> {
  constructor(config: C) {
    super({ ...config, normTopkProb: config.normTopkProb ?? false });
  }

  protected override selectExperts(scores: Tensor2D): Tensor2D {
    const { numExpertsPerTok, topP } = this.config;
    return noGrad(() => {
      const indices = topKIndices(scores, numExpertsPerTok);
      const sorted = takeAlongAxis(scores, indices);
      const before = sub(cumsum(sorted, 1), sorted);
      return where(lessEqual(before, topP), indices, fill(indices.shape, -1, "int32")) as Tensor2D;
    });
  }
}
