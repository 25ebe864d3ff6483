import { jitter, type Routed, reshape } from "@mixtape/ops";
import { add, type Tensor2D, type Tensor3D } from "@tensorflow/tfjs-core";
import { Module } from "../module.js";
import { captureRouting } from "../routers/captured-routing.js";
import type { TokenRouter } from "../routers/routing.js";
import type { FeedForward, FeedForwardContext } from "./feed-forward.js";

/** The experts that a router chooses from. */
export interface RoutedExperts extends Module {
  /** @returns `[T, M]`, each token's experts weighted and summed */
  forward(routed: Routed): Tensor2D;
}

/** A feed-forward that every token goes through, beside its routed experts. */
export interface SharedExperts extends Module {
  /** @param x `[T, M]` @returns `[T, M]` */
  forward(x: Tensor2D): Tensor2D;
}

/** The parts of a {@link MoeBlock}. */
export interface MoeBlockParts<R extends TokenRouter, E extends RoutedExperts> {
  readonly router: R;
  readonly experts: E;
  /**
   * Added to the routed experts' output (DeepSeekMoE, Dai et al. 2024, https://arxiv.org/abs/2401.06066): a `GatedMlp`
   * as wide as all shared experts together, a `GatedSharedExpert`, or a custom module. Default: none.
   */
  readonly sharedExperts?: SharedExperts | null;
  /** ε: in training, tokens are multiplied by noise from U(1 − ε, 1 + ε) before they are routed. Default: 0. */
  readonly jitterNoise?: number | undefined;
}

/** A mixture of experts: the router sends each token to a few experts, and shared experts process all tokens. */
export class MoeBlock<R extends TokenRouter = TokenRouter, E extends RoutedExperts = RoutedExperts>
  extends Module
  implements FeedForward
{
  readonly router: R;
  readonly experts: E;
  readonly sharedExperts: SharedExperts | null;
  readonly #jitterNoise: number;

  constructor({ router, experts, sharedExperts = null, jitterNoise = 0 }: MoeBlockParts<R, E>) {
    super();
    this.router = router;
    this.experts = experts;
    this.sharedExperts = sharedExperts;
    this.#jitterNoise = jitterNoise;
  }

  /** @param x `[B, L, M]` @returns `[B, L, M]` */
  forward(
    x: Tensor3D,
    { layer = 0, tokenMask = null, usesCache, routing: observer, onRouting }: FeedForwardContext = {},
  ): Tensor3D {
    const [b, l, m] = x.shape;
    // As in Mixtral, the experts see the noise too.
    const tokens: Tensor2D = jitter(reshape(x, [b * l, m]), this.#jitterNoise);
    const { router } = this;
    const constraint = observer?.constrain?.({ layer, router, rows: b, tokens: b * l, tokenMask });
    const routing = router.route(tokens, { rows: b, tokenMask, usesCache, constraint });
    const captured = captureRouting(routing, { router, layer, rows: b, tokenMask });
    observer?.observe?.(captured);
    onRouting?.(captured);
    const { indices, weights } = routing;
    const routed = this.experts.forward({ x: tokens, indices, weights });
    return reshape(this.sharedExperts ? add(this.sharedExperts.forward(tokens), routed) : routed, [b, l, m]);
  }
}
