import type { CausalLM, CausalLMOutput } from "@mixtape/decoder";
import { Router } from "@mixtape/layers";
import { oneHot, untaped } from "@mixtape/ops";
import {
  matMul,
  reshape,
  slice,
  sum,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  tensor2d,
} from "@tensorflow/tfjs-core";
import type { Adapter } from "./adapter.js";
import { type Routing, routingCounts } from "./router-loss.js";

/** How many tokens each expert of a router was given, `[E]` by the router's name. */
export type ExpertCounts = Readonly<Record<string, Tensor1D>>;

/**
 * Of the model's own routers.
 * @param mask one number for each of the tokens that are counted, 0 for padding
 * @param start which token of the batch is the first of them
 */
export function baseCounts(
  model: CausalLM,
  { routerLogits = [], expertIndices = [] }: Pick<CausalLMOutput, "routerLogits" | "expertIndices">,
  mask: readonly number[],
  start: number,
): ExpertCounts {
  const names = [...model.namedModules()].flatMap(([name, module]) => (module instanceof Router ? [name] : []));
  return untaped(() => {
    const weights = tensor2d([...mask], [1, mask.length]);
    const counts = expertIndices.map((indices, i) => {
      const experts = routerLogits[i]!.shape[1];
      const chosen = sum(oneHot(slice(indices, [start, 0], [mask.length, -1]), experts) as Tensor3D, 1) as Tensor2D;
      return [names[i]!, reshape(matMul(weights, chosen), [experts]) as Tensor1D] as const;
    });
    return Object.fromEntries(counts);
  });
}

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
