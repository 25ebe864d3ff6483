import type { Scalar, Tensor1D, Tensor2D } from "@tensorflow/tfjs-core";
import type { Module } from "../module.js";
import type { TokenMask } from "../moe/token-mask.js";
import type { Param } from "../param.js";

/**
 * Experts of each token. T tokens, E experts, K slots per token. A token may fill fewer than K slots, or none: index −1
 * with weight 0 marks an unused slot, for which no expert runs.
 */
export type Routing = {
  /** `[T, E]`, the output of the gate, before any score */
  readonly logits: Tensor2D;
  /** int32 `[T, K]`, −1 in an unused slot */
  readonly indices: Tensor2D;
  /** `[T, K]`, 0 in an unused slot */
  readonly weights: Tensor2D;
};

/** Context of a router besides the hidden states. */
export interface RoutingContext {
  /** B: the T tokens are B rows of T / B positions. Default: 1. */
  readonly rows?: number;
  /** Distinguishes tokens from padding; null or absent if there is no padding. */
  readonly tokenMask?: TokenMask | null;
  /** Whether the tokens continue a cache, so that a router sees a part of each sequence. Default: false. */
  readonly usesCache?: boolean;
  /** Constrains the selection; undefined or absent for no constraint. */
  readonly constraint?: RoutingConstraint | undefined;
}

/** Restricts the experts that a router selects. Weights still follow from the router's scores. */
export interface RoutingConstraint {
  /** Replaces the selection: `values` is `[T, slots]`, −1 in an unused slot. */
  readonly indices?: { readonly values: Int32Array; readonly slots: number };
  /** Experts that no token goes to. */
  readonly ban?: readonly number[];
  /** Experts that every token goes to, in its first slots. */
  readonly force?: readonly number[];
}

/** Key of the origin of a {@link CapturedRouting}: hidden from `tf.tidy` and `tf.dispose`, which walk a result. */
export const ORIGIN: unique symbol = Symbol("origin of a routing");

/**
 * The routing of one MoE layer in a forward pass, with its origin: see `routerOf` and `tokenMaskOf`. `tf.dispose` frees its
 * tensors.
 */
export type CapturedRouting = Routing & {
  /** Index of the decoder layer. */
  readonly layer: number;
  /** B: the T tokens are B rows of T / B positions. */
  readonly rows: number;
  readonly [ORIGIN]: { readonly router: TokenRouter; readonly tokenMask: TokenMask | null };
};

/** Routes tokens to experts. Blocks, losses and training use a router through this interface, never its class. */
export interface TokenRouter extends Module {
  /** E */
  readonly numExperts: number;
  /** @param x `[T, M]` */
  route(x: Tensor2D, context?: RoutingContext): Routing;
  /**
   * Returns the fraction of each expert in a token's scores; each row sums to 1. The load-balancing loss uses it.
   * @param logits `[T, E]` @returns `[T, E]`
   */
  routingProbabilities(logits: Tensor2D): Tensor2D;
  /**
   * Counts the tokens of each expert, without padding and unused slots. No gradient flows through it. @returns `[E]`
   */
  expertCounts(routing: CapturedRouting): Tensor1D;
  /** Load-balancing loss of layers whose routers share its computation: see the function `loadBalancingLoss`. */
  loadBalancingLoss(routings: readonly CapturedRouting[]): Scalar;
  /** Router z-loss of layers whose routers share its computation: see the function `routerZLoss`. */
  zLoss(routings: readonly CapturedRouting[]): Scalar;
  /** `[E]`, added to the selection scores, and updated by `updateBias`; null for a router without one. */
  readonly balancingBias: Param | null;
  /**
   * Updates the balancing bias against an uneven load. No-op without a bias.
   * @param counts number of tokens per expert since the last update @param rate step size
   */
  updateBias(counts: readonly number[], rate: number): void;
}
