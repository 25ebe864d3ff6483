import type { RoutingSpec } from "@mixtape/ops";
import { softmax, type Tensor2D } from "@tensorflow/tfjs-core";
import { Router, type RouterConfig } from "./router.js";

/**
 * A router with softmax probabilities. `normTopkProb: false` keeps the weights of the selected experts unnormalised.
 */
export class SoftmaxRouter<
  C extends RouterConfig & { readonly normTopkProb?: boolean } = RouterConfig,
> extends Router<C> {
  protected override get routingSpec(): RoutingSpec | null {
    if (!this.hasHooksOf(SoftmaxRouter)) return null;
    return { k: this.config.numExpertsPerTok, score: "softmax", normalize: this.#normalizes, scale: 1 };
  }

  /** The softmax, which already sums to 1. */
  override routingProbabilities(logits: Tensor2D): Tensor2D {
    return this.score(logits);
  }

  protected override score(logits: Tensor2D): Tensor2D {
    return softmax(logits);
  }

  protected override normalizeWeights(chosen: Tensor2D): Tensor2D {
    return this.#normalizes ? super.normalizeWeights(chosen) : chosen;
  }

  get #normalizes(): boolean {
    const { normTopkProb = true } = this.config as { normTopkProb?: boolean };
    return normTopkProb;
  }
}
