import type { Module } from "../module.js";
import type { TokenRouter } from "./routing.js";

/** The routers of a module and its parts with their names: `model.layers.0.mlp.router`. */
export function namedRouters(module: Module): [name: string, router: TokenRouter][] {
  return [...module.namedModules()].flatMap(([name, part]) => (isRouter(part) ? [[name, part] as const] : [])) as [
    string,
    TokenRouter,
  ][];
}

/** A router of one's own need not extend `Router`: what routes and answers for its losses is one. */
function isRouter(module: Module): module is TokenRouter {
  const { route, loadBalancingLoss } = module as Partial<TokenRouter>;
  return typeof route === "function" && typeof loadBalancingLoss === "function";
}
