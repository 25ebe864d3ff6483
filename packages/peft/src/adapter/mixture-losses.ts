import { type CapturedRouting, captureRouting, loadBalancingLoss, routerZLoss, TokenMask } from "@mixtape/layers";
import { add, mul, type Scalar, type Tensor1D, type Tensor2D } from "@tensorflow/tfjs-core";
import type { MixtureConfig } from "../config/adapter-config.js";
import { buildRouter } from "../routing/build-router.js";
import type { RoutingSource } from "./adapter.js";

/** Number of tokens that each expert of a router was given, `[E]` by the router's name. */
export type ExpertCounts = Readonly<Record<string, Tensor1D>>;

/** The routing of one router of an adapter, with the module that it stands at. */
export interface MixtureRouting {
  readonly module: string;
  readonly routing: CapturedRouting;
}

/**
 * Routes an adapter's tokens again, by the logits that its routers gave in a forward pass. Capacities do not count.
 * @param mask one number for each token of the adapter's rows, 0 for padding
 */
export function mixtureRoutings(
  config: MixtureConfig,
  seen: readonly (Pick<RoutingSource, "module" | "rowsPerToken" | "used"> & { readonly logits: Tensor2D })[],
  mask: readonly number[],
): MixtureRouting[] {
  const router = buildRouter(config, 1);
  return seen.map(({ module, logits, rowsPerToken, used }) => {
    const rows = mask.flatMap((value) => new Array<number>(rowsPerToken).fill(value));
    const values = used ? rows.map((value, row) => value * used[row]!) : rows;
    const tokenMask = values.includes(0) ? new TokenMask(1, Uint8Array.from(values)) : null;
    return { module, routing: captureRouting(router.routeLogits(logits), { router, tokenMask }) };
  });
}

/**
 * Loss of an adapter's routers: their coefficient times the load-balancing loss over all routers at once, and for MixLoRA-switch
 * the coefficient of the router z-loss times that.
 * @returns null if the config has no such loss
 */
export function mixtureLoss(config: MixtureConfig, routings: readonly MixtureRouting[]): Scalar | null {
  const { routerLoss, routingStrategy, routerAuxLossCoef, routerZLossCoef } = config;
  if (!routerLoss || routingStrategy === "loramoe" || routings.length === 0) return null;
  const all = routings.map(({ routing }) => routing);
  const balance = mul<Scalar>(loadBalancingLoss(all), routerAuxLossCoef);
  return routingStrategy === "mixlora-switch" ? add(balance, mul(routerZLoss(all), routerZLossCoef)) : balance;
}
