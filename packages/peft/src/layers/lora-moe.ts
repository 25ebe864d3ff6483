import { denseWeights, type Param, type Router } from "@mixtape/layers";
import { add, type Tensor2D } from "@tensorflow/tfjs-core";
import type { TargetModule } from "../targets/target-module.js";
import { AdapterLayer, matrixParam, type Rows, times, type UpdateOptions } from "./adapter-layer.js";

/**
 * A mixture of LoRA experts at one linear map: `y + Σ_e w_e · LoRA_e(x)`. LoRAMoE weighs all experts by a softmax (Dou et al.
 * 2023, https://arxiv.org/abs/2312.09979), MoLA the k most probable (Gao et al. 2024, https://arxiv.org/abs/2402.08562).
 */
export class LoraMoe extends AdapterLayer {
  /** Weight of the gate, `[E, in]`, or a stack of one per routed expert. */
  readonly gate: Param;
  /** Router, which gets the logits of `gate`; its own gate is unused. */
  readonly #router: Router;

  constructor(target: TargetModule, options: UpdateOptions & { readonly experts: number }, router: Router) {
    super(target, options);
    this.gate = matrixParam(target, options.experts, target.inFeatures);
    this.#router = router;
  }

  override forward(x: Tensor2D, y: Tensor2D, rows: Rows): Tensor2D {
    const logits = times(x, this.gate, rows.groups);
    rows.onRouting?.(logits);
    return add(y, this.update(x, rows, denseWeights(this.#router.routeLogits(logits))));
  }
}
