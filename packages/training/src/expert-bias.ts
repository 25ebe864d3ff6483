import type { Module, Param } from "@mixtape/layers";
import { SigmoidBiasRouter } from "@mixtape/layers";
import { add, tensor1d, tidy } from "@tensorflow/tfjs-core";
import type { NamedParam } from "./params.js";
import type { ExpertLoad } from "./trainee.js";

/** The biases by which a model's routers choose experts, by the names of the routers. */
export function expertBiases(model: Module): Map<string, Param> {
  const biases = new Map<string, Param>();
  for (const [name, module] of model.namedModules())
    if (module instanceof SigmoidBiasRouter) biases.set(name, module.expertBias);
  return biases;
}

/** The same with the names of the parameters. */
export function namedExpertBiases(model: Module): NamedParam[] {
  return [...expertBiases(model)].map(([router, param]) => [`${router}.expert_bias`, param]);
}

/**
 * Moves each expert's bias up or down by `rate`, as the expert had less or more than the mean load of its layer: the load is
 * balanced without an auxiliary loss (Wang et al. 2024, https://arxiv.org/abs/2408.15664, algorithm 1). The moves of a layer are
 * shifted to sum to 0, as torchtitan does, lest biases drift.
 */
export function moveExpertBiases(model: Module, loads: readonly ExpertLoad[], rate: number): void {
  const biases = expertBiases(model);
  for (const { router, counts } of loads) {
    const param = biases.get(router);
    if (!param) continue;
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
    const signs = counts.map((count) => Math.sign(mean - count));
    const drift = signs.reduce((sum, sign) => sum + sign, 0) / signs.length;
    tidy(() => param.assign([add(param.vector, tensor1d(signs.map((sign) => rate * (sign - drift))))]));
  }
}
