import type { Module } from "../module.js";
import type { TokenRouter } from "./routing.js";

/** Lists the routers of a module and its parts with their names: `model.layers.0.mlp.router`. */
export function namedRouters(module: Module): [name: string, router: TokenRouter][] {
  return [...module.namedModules()].flatMap(([name, part]) => (isRouter(part) ? [[name, part] as const] : [])) as [
    string,
    TokenRouter,
  ][];
}

/** A custom router need not extend `Router`: it needs the methods that route and compute its losses. */
function isRouter(module: Module): module is TokenRouter {
  const { route, loadBalancingLoss } = module as Partial<TokenRouter>;
  return typeof route === "function" && typeof loadBalancingLoss === "function";
}
