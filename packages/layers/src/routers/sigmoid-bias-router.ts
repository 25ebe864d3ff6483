import type { RoutingSpec } from "@mixtape/ops";
import { add, div, mul, sigmoid, sum, type Tensor2D } from "@tensorflow/tfjs-core";
import { Param } from "../param.js";
import { Router, type RouterConfig } from "./router.js";

/** Part of a config that a {@link SigmoidBiasRouter} uses. */
export interface SigmoidBiasRouterConfig extends RouterConfig {
  /** Factor of the weights of the selected experts. */
  readonly routeScale: number;
  /** Whether the weights of a token are normalised to sum to 1 first. Default: true. */
  readonly normTopkProb?: boolean;
}

/**
 * Sigmoid scores, and a bias per expert that is added only for the selection, not in the weights: updating the bias
 * balances the load without an auxiliary loss (Wang et al. 2024, https://arxiv.org/abs/2408.15664; DeepSeek-V3). For a
 * load-balancing loss the scores of a token are normalised to sum to 1 (DeepSeek-V3, https://arxiv.org/abs/2412.19437,
 * equations 17 to 20).
 */
export class SigmoidBiasRouter<C extends SigmoidBiasRouterConfig = SigmoidBiasRouterConfig> extends Router<C> {
  /** `[E]` */
  readonly expertBias: Param;

  constructor(config: C) {
    super(config);
    this.expertBias = new Param([config.numExperts], "vector", "zeros", { hasGradient: false });
  }

  override get balancingBias(): Param {
    return this.expertBias;
  }

  protected override get routingSpec(): RoutingSpec | null {
    if (!this.hasHooksOf(SigmoidBiasRouter)) return null;
    const { numExpertsPerTok: k, routeScale: scale } = this.config;
    return { k, score: "sigmoid", bias: this.expertBias.vector, normalize: this.#normalizes, scale };
  }

  protected override score(logits: Tensor2D): Tensor2D {
    return sigmoid(logits);
  }

  protected override selectionScores(scores: Tensor2D): Tensor2D {
    return add(scores, this.expertBias.vector);
  }

  protected override normalizeWeights(chosen: Tensor2D): Tensor2D {
    // The reference's addend prevents weights of 0 / 0 for a token whose scores are all 0.
    const normalized: Tensor2D = this.#normalizes ? div(chosen, add(sum(chosen, 1, true), 1e-20)) : chosen;
    return mul(normalized, this.config.routeScale);
  }

  get #normalizes(): boolean {
    return this.config.normTopkProb ?? true;
  }
}
