import { oneHot, reshape } from "@mixtape/ops";
import type { Tensor2D } from "@tensorflow/tfjs-core";
import { Mixture, type Ways } from "../mixture.js";
import { topK } from "../routing.js";

/** MixLoRA: each token's k likeliest experts, their weights made to sum to 1 (Li et al. 2024, https://arxiv.org/abs/2404.15159). */
export class TopKMixture extends Mixture {
  readonly #k: number;

  constructor(experts: number, hiddenSize: number, k: number) {
    super(experts, hiddenSize);
    this.#k = k;
  }

  protected override ways(logits: Tensor2D): Ways {
    const { indices, weights } = topK(logits, this.#k);
    return { k: this.#k, choice: oneHot(reshape(indices, [indices.size]), this.experts) as Tensor2D, weights };
  }
}
