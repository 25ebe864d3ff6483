import type { Tensor2D } from "@tensorflow/tfjs-core";
import type { UpdateOptions } from "../piece.js";
import { topKWeights } from "../routing.js";
import type { Site } from "../site.js";
import { LoraMoe } from "./loramoe.js";

/** MoLA: the k likeliest experts, their weights made to sum to 1 (Gao et al. 2024, https://arxiv.org/abs/2402.08562). */
export class Mola extends LoraMoe {
  readonly #topK: number;

  constructor(site: Site, options: UpdateOptions & { readonly experts: number; readonly topK: number }) {
    super(site, options);
    this.#topK = options.topK;
  }

  protected override weights(logits: Tensor2D): Tensor2D {
    return topKWeights(logits, this.#topK);
  }
}
