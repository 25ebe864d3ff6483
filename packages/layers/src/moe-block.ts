import { jitter, reshape } from "@mixtape/ops";
import { add, type Tensor2D, type Tensor3D } from "@tensorflow/tfjs-core";
import { Experts, type ExpertsConfig } from "./experts.js";
import { GatedMlp } from "./gated-mlp.js";
import { Module } from "./module.js";
import type { Router, RouterConfig } from "./router.js";

/** The part of a config that an MoE block needs. */
export type MoeConfig = RouterConfig &
  ExpertsConfig & {
    /** In training tokens are multiplied by numbers from `1 − ε` to `1 + ε` before they are routed. None where absent. */
    readonly routerJitterNoise?: number;
  };

/** Takes the router logits `[T, E]` of a layer, and the experts that it chose, int32 `[T, K]`, where someone wants to see them. */
export type OnRouterLogits = (logits: Tensor2D, indices: Tensor2D) => void;

/** A feed-forward that sends each token to a few of many experts. Which, says the router that it is given. */
export class MoeBlock<C extends MoeConfig = MoeConfig> extends Module {
  readonly router: Router;
  readonly experts: Experts;
  readonly #jitterNoise: number;

  constructor(config: C, router: Router) {
    super();
    this.#jitterNoise = config.routerJitterNoise ?? 0;
    this.router = router;
    this.experts = new Experts(config);
  }

  /** @param x `[B, L, M]` @returns `[B, L, M]` */
  forward(x: Tensor3D, onRouterLogits?: OnRouterLogits): Tensor3D {
    const [b, l, m] = x.shape;
    // As in Mixtral, the experts see the noise too.
    const tokens: Tensor2D = jitter(reshape(x, [b * l, m]), this.#jitterNoise);
    const { logits, ...routing } = this.router.route(tokens);
    onRouterLogits?.(logits, routing.indices);
    return reshape(this.combine(this.experts.forward({ x: tokens, ...routing }), tokens), [b, l, m]);
  }

  /** What joins the routed experts' output. Nothing here. @param routed `[T, M]` @param _tokens `[T, M]` @returns `[T, M]` */
  protected combine(routed: Tensor2D, _tokens: Tensor2D): Tensor2D {
    return routed;
  }
}

/** What a {@link SharedExpertsMoeBlock} needs besides. */
export type SharedExpertsConfig = MoeConfig & { readonly numSharedExperts: number };

/** An MoE block with experts that every token goes to (DeepSeekMoE, Dai et al. 2024, https://arxiv.org/abs/2401.06066). */
export class SharedExpertsMoeBlock<C extends SharedExpertsConfig = SharedExpertsConfig> extends MoeBlock<C> {
  /** One gated MLP as wide as all shared experts together; null where there is none. */
  readonly sharedExperts: GatedMlp | null;

  constructor(config: C, router: Router) {
    super(config, router);
    const width = config.moeIntermediateSize * config.numSharedExperts;
    this.sharedExperts = width > 0 ? new GatedMlp(config, width) : null;
  }

  protected override combine(routed: Tensor2D, tokens: Tensor2D): Tensor2D {
    return this.sharedExperts ? add(this.sharedExperts.forward(tokens), routed) : routed;
  }
}
