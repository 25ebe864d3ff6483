import { slice, type Tensor2D } from "@tensorflow/tfjs-core";
import { LayersError } from "../errors.js";
import type { TokenMask } from "../moe/token-mask.js";
import { type CapturedRouting, ORIGIN, type Routing, type TokenRouter } from "./routing.js";

/** Origin of a routing. */
export interface RoutingOrigin {
  readonly router: TokenRouter;
  /** Index of the decoder layer. Default: 0. */
  readonly layer?: number;
  /** B: the T tokens are B rows of T / B positions. Default: 1. */
  readonly rows?: number;
  /** Distinguishes tokens from padding; null or absent if there is no padding. */
  readonly tokenMask?: TokenMask | null;
}

/** Records the origin of a routing. */
export function captureRouting(
  { logits, indices, weights }: Routing,
  { router, layer = 0, rows = 1, tokenMask = null }: RoutingOrigin,
): CapturedRouting {
  return { logits, indices, weights, layer, rows, [ORIGIN]: { router, tokenMask } };
}

/** Returns the router of a routing. */
export function routerOf(routing: CapturedRouting): TokenRouter {
  return routing[ORIGIN].router;
}

/** Returns the token mask of a routing; null if there is no padding. */
export function tokenMaskOf(routing: CapturedRouting): TokenMask | null {
  return routing[ORIGIN].tokenMask;
}

/** Counts the tokens of a routing without padding. */
export function countTokens(routing: CapturedRouting): number {
  return tokenMaskOf(routing)?.numTokens ?? routing.logits.shape[0];
}

/** Maps the tensors of a routing. */
export function mapRouting(routing: CapturedRouting, f: (tensor: Tensor2D) => Tensor2D): CapturedRouting {
  return { ...routing, logits: f(routing.logits), indices: f(routing.indices), weights: f(routing.weights) };
}

/**
 * Returns the routing of batch rows `start` to below `end`.
 * @throws {LayersError} for rows that the batch does not have.
 */
export function sliceRouting(routing: CapturedRouting, start: number, end: number): CapturedRouting {
  const { rows } = routing;
  if (start === 0 && end === rows) return routing;
  if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start < end && end <= rows))
    throw new LayersError({ where: "sliceRouting", expected: `rows from 0 to ${rows}`, got: `${start} to ${end}` });
  const perRow = routing.logits.shape[0] / rows;
  const cut = mapRouting(routing, (tensor) => slice(tensor, [start * perRow, 0], [(end - start) * perRow, -1]));
  const tokenMask = tokenMaskOf(routing)?.slice(start, end) ?? null;
  return { ...cut, rows: end - start, [ORIGIN]: { router: routerOf(routing), tokenMask } };
}
