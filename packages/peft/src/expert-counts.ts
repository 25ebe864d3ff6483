import type { Tensor1D } from "@tensorflow/tfjs-core";
import type { Adapter } from "./adapter.js";
import { type Routing, routingCounts } from "./router-loss.js";

/** How many tokens each expert of a router was given, `[E]` by the router's name. */
export type ExpertCounts = Readonly<Record<string, Tensor1D>>;

/** Of an adapter's own routers, named by the adapter and the module that they stand at. None where it is no mixture. */
export function mixtureCounts(
  { name, config }: Adapter,
  routings: readonly (Routing & { readonly module: string })[],
  mask: readonly number[],
): ExpertCounts {
  if (config.method === "lora") return {};
  return Object.fromEntries(
    routings.map((routing) => [`${name}: ${routing.module}`, routingCounts(config, routing, mask)]),
  );
}
