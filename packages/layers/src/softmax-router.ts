import { softmax, type Tensor2D } from "@tensorflow/tfjs-core";
import { Router, type RouterConfig } from "./router.js";

/** A router over softmax probabilities. `normTopkProb: false` leaves the weights of the chosen as they are. */
export class SoftmaxRouter<
  C extends RouterConfig & { readonly normTopkProb?: boolean } = RouterConfig,
> extends Router<C> {
  protected override score(logits: Tensor2D): Tensor2D {
    return softmax(logits);
  }

  protected override weigh(chosen: Tensor2D): Tensor2D {
    const { normTopkProb = true } = this.config as { normTopkProb?: boolean };
    return normTopkProb ? super.weigh(chosen) : chosen;
  }
}
