import type { Param } from "@mixtape/layers";
import { add, softmax, type Tensor2D } from "@tensorflow/tfjs-core";
import { matrixParam, Piece, type Rows, times, type UpdateOptions } from "../piece.js";
import type { Site } from "../site.js";

/** LoRAMoE: all experts, weighed by a softmax router: `y + Σ_e w_e · LoRA_e(x)` (Dou et al. 2023, https://arxiv.org/abs/2312.09979). */
export class LoraMoe extends Piece {
  /** The router, `[E, in]`, or a stack of one per routed expert. */
  readonly gate: Param;

  constructor(site: Site, options: UpdateOptions & { readonly experts: number }) {
    super(site, options);
    this.gate = matrixParam(site, options.experts, site.inFeatures);
  }

  override forward(x: Tensor2D, y: Tensor2D, rows: Rows): Tensor2D {
    const logits = times(x, this.gate, rows.groups);
    rows.onRouting?.(logits);
    return add(y, this.update(x, rows, this.weights(logits)));
  }

  /** How much each expert counts. @param logits `[N, E]` @returns `[N, E]` */
  protected weights(logits: Tensor2D): Tensor2D {
    return softmax(logits);
  }
}
