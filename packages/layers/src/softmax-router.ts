import type { ExpertChoice } from "@mixtape/ops";
import { softmax, type Tensor2D } from "@tensorflow/tfjs-core";
import { Router, type RouterConfig } from "./router.js";

/** A router over softmax probabilities. `normTopkProb: false` leaves the weights of the chosen as they are. */
export class SoftmaxRouter<
  C extends RouterConfig & { readonly normTopkProb?: boolean } = RouterConfig,
> extends Router<C> {
  protected override get choice(): ExpertChoice | null {
    if (!this.hasHooksOf(SoftmaxRouter)) return null;
    return { k: this.config.numExpertsPerTok, score: "softmax", normalize: this.#normalizes, scale: 1 };
  }

  protected override score(logits: Tensor2D): Tensor2D {
    return softmax(logits);
  }

  protected override weigh(chosen: Tensor2D): Tensor2D {
    return this.#normalizes ? super.weigh(chosen) : chosen;
  }

  get #normalizes(): boolean {
    const { normTopkProb = true } = this.config as { normTopkProb?: boolean };
    return normTopkProb;
  }
}
