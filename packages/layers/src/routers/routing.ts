import type { Scalar, Tensor1D, Tensor2D } from "@tensorflow/tfjs-core";
import type { Module } from "../module.js";
import type { TokenMask } from "../moe/token-mask.js";
import type { Param } from "../param.js";

/**
 * The experts of each token. T tokens, E experts, K slots per token. A token may fill fewer than K slots, or none: index −1 with
 * weight 0 marks an unused slot, for which no expert runs.
 */
export type Routing = {
  /** `[T, E]`, the output of the gate, before any score */
  readonly logits: Tensor2D;
  /** int32 `[T, K]`, −1 in an unused slot */
  readonly indices: Tensor2D;
  /** `[T, K]`, 0 in an unused slot */
  readonly weights: Tensor2D;
};

/** What a router may know of the tokens besides their hidden states. */
export interface RoutingContext {
  /** B: the T tokens are B rows of T / B positions. Default 1. */
  readonly rows?: number;
  /** Tells tokens from padding; null or absent if there is no padding. */
  readonly tokenMask?: TokenMask | null;
  /** Whether the tokens continue a cache, so that a router sees a part of each sequence. Default false. */
  readonly usesCache?: boolean;
  /** Constrains the selection; undefined or absent leaves the router free. */
  readonly constraint?: RoutingConstraint | undefined;
}

/** Restricts the experts that a router selects. Weights follow from the router's scores of the selected, as ever. */
export interface RoutingConstraint {
  /** Replaces the selection: `values` is `[T, slots]`, −1 in an unused slot. */
  readonly indices?: { readonly values: Int32Array; readonly slots: number };
  /** Experts that no token goes to. */
  readonly ban?: readonly number[];
  /** Experts that every token goes to, in the first of its slots. */
  readonly force?: readonly number[];
}

/** Key of the origin of a {@link CapturedRouting}: `tf.tidy` and `tf.dispose`, which walk a result, do not see it. */
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

/** Sends tokens to experts. Blocks, losses and training ask a router through this interface, and never for its class. */
export interface TokenRouter extends Module {
  /** E */
  readonly numExperts: number;
  /** @param x `[T, M]` */
  route(x: Tensor2D, context?: RoutingContext): Routing;
  /**
   * Share of each expert in a token's scores; each row sums to 1. The load-balancing loss is computed from it.
   * @param logits `[T, E]` @returns `[T, E]`
   */
  routingProbabilities(logits: Tensor2D): Tensor2D;
  /** Number of tokens that each expert was given, padding and unused slots left out. A constant to gradients. @returns `[E]` */
  expertCounts(routing: CapturedRouting): Tensor1D;
  /** Load-balancing loss of layers whose routers compute it alike: see the function `loadBalancingLoss`. */
  loadBalancingLoss(routings: readonly CapturedRouting[]): Scalar;
  /** Router z-loss of layers whose routers compute it alike: see the function `routerZLoss`. */
  zLoss(routings: readonly CapturedRouting[]): Scalar;
  /** `[E]`, added to the scores that experts are selected by, and moved by `updateBias`; null for a router without one. */
  readonly balancingBias: Param | null;
  /**
   * Moves the balancing bias against an uneven load. No-op without a bias.
   * @param counts number of tokens that each expert was given since the last update @param rate size of the step
   */
  updateBias(counts: readonly number[], rate: number): void;
}
