import type { Tensor1D } from "@tensorflow/tfjs-core";
import type { Module } from "../module.js";
import { routerOf } from "./captured-routing.js";
import { namedRouters } from "./named-routers.js";
import type { CapturedRouting } from "./routing.js";

/**
 * Counts the tokens of each expert in a forward pass, `[E]` by the name of the router, without padding and unused
 * slots. No gradient flows through the counts; the caller disposes them.
 * @param model module that the names are relative to
 */
export function expertCounts(model: Module, routings: readonly CapturedRouting[]): Record<string, Tensor1D> {
  const names = new Map(namedRouters(model).map(([name, router]) => [router, name]));
  const counts: Record<string, Tensor1D> = {};
  for (const routing of routings) {
    const name = names.get(routerOf(routing));
    if (name !== undefined) counts[name] = routerOf(routing).expertCounts(routing);
  }
  return counts;
}
