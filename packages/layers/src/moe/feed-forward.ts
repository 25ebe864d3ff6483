import type { Tensor3D } from "@tensorflow/tfjs-core";
import type { Module } from "../module.js";
import type { CapturedRouting } from "../routers/routing.js";
import type { RoutingObserver } from "../routers/routing-observer.js";
import type { TokenMask } from "./token-mask.js";

/** The part of a decoder layer that works on each token separately: a dense MLP or a mixture of experts. */
export interface FeedForward extends Module {
  /** @param x `[B, L, M]` @returns `[B, L, M]` */
  forward(x: Tensor3D, context: FeedForwardContext): Tensor3D;
}

/** Context of a feed-forward in a forward pass. */
export interface FeedForwardContext {
  /** Index of the decoder layer. */
  readonly layer?: number;
  /** Distinguishes tokens from padding; null or absent if there is no padding. */
  readonly tokenMask?: TokenMask | null;
  /** Whether the tokens continue a cache. Default: false. */
  readonly usesCache?: boolean;
  /** Observes and constrains the router. */
  readonly routing?: RoutingObserver | undefined;
  /** Called with each routing, if routings are captured. */
  readonly onRouting?: ((routing: CapturedRouting) => void) | undefined;
}
