import type { ExpertChoice } from "@mixtape/ops";
import { add, mul, sigmoid, type Tensor2D } from "@tensorflow/tfjs-core";
import { Param } from "./param.js";
import { Router, type RouterConfig } from "./router.js";

/** What a {@link SigmoidBiasRouter} needs besides. */
export interface SigmoidBiasRouterConfig extends RouterConfig {
  /** What the weights, summing to 1, are multiplied by. */
  readonly routeScale: number;
}

/**
 * Sigmoid scores, and a bias per expert that moves the choice of experts, never their weights: load is balanced by moving the
 * bias, without an auxiliary loss (Wang et al. 2024, https://arxiv.org/abs/2408.15664; DeepSeek-V3).
 */
export class SigmoidBiasRouter<C extends SigmoidBiasRouterConfig = SigmoidBiasRouterConfig> extends Router<C> {
  /** `[E]` */
  readonly expertBias: Param;

  constructor(config: C) {
    super(config);
    this.expertBias = new Param([config.numExperts], "vector", "zeros", { hasGradient: false });
  }

  protected override get choice(): ExpertChoice | null {
    if (!this.hasHooksOf(SigmoidBiasRouter)) return null;
    const { numExpertsPerTok: k, routeScale: scale } = this.config;
    return { k, score: "sigmoid", bias: this.expertBias.vector, normalize: true, scale };
  }

  protected override score(logits: Tensor2D): Tensor2D {
    return sigmoid(logits);
  }

  protected override rank(scores: Tensor2D): Tensor2D {
    return add(scores, this.expertBias.vector);
  }

  protected override weigh(chosen: Tensor2D): Tensor2D {
    return mul(super.weigh(chosen), this.config.routeScale);
  }
}
