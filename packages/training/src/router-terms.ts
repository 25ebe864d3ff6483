/** Losses and biases of a model's routers, beside the loss of its head. */

import type { PreTrainedModel } from "@mixtape/decoder";
import {
  type CapturedRouting,
  expertCounts,
  loadBalancingLoss,
  namedRouters,
  routerZLoss,
  type TokenRouter,
} from "@mixtape/layers";
import { noGrad } from "@mixtape/ops";
import { add, mul, type Scalar } from "@tensorflow/tfjs-core";
import { TrainingError } from "./errors.js";
import type { NamedParam } from "./params.js";
import type { ExpertLoad, TaskLoss } from "./training-task.js";

/** Options of training routers. */
export interface RouterOptions {
  /** Coefficient of the load-balancing loss. */
  readonly auxLossCoef?: number;
  /** Coefficient of the router z-loss. Default: 0. */
  readonly zLossCoef?: number;
  /** Step size of the routers' balancing biases, which are updated after each optimiser step. Default: 0, no update. */
  readonly expertBiasRate?: number;
}

/** The routers of a model in training. */
export class RouterTerms {
  readonly #model: PreTrainedModel;
  readonly #routers: ReadonlyMap<string, TokenRouter>;
  readonly #auxLossCoef: number;
  readonly #zLossCoef: number;
  readonly #expertBiasRate: number;

  /** @throws {TrainingError} for a negative coefficient, and for a rate if no router has a bias */
  constructor(model: PreTrainedModel, { auxLossCoef = 0, zLossCoef = 0, expertBiasRate = 0 }: RouterOptions) {
    this.#model = model;
    this.#routers = new Map(namedRouters(model));
    this.#auxLossCoef = coefficient("auxLossCoef", auxLossCoef);
    this.#zLossCoef = coefficient("zLossCoef", zLossCoef);
    this.#expertBiasRate = coefficient("expertBiasRate", expertBiasRate);
    if (expertBiasRate > 0 && [...this.#routers.values()].every(({ balancingBias }) => balancingBias === null))
      throw new TrainingError({
        where: { option: "expertBiasRate" },
        expected: "0 for a model whose routers have no bias",
        got: `${expertBiasRate}`,
        fix: { option: "auxLossCoef", text: (option) => `Its load is balanced by ${option}` },
      });
  }

  /** True for a model with routers, whose routings are then to be captured. */
  get hasRouters(): boolean {
    return this.#routers.size > 0;
  }

  /** The balancing biases that are updated. */
  get buffers(): NamedParam[] {
    if (this.#expertBiasRate === 0) return [];
    const biases = new Set([...this.#routers.values()].map(({ balancingBias }) => balancingBias));
    return [...this.#model.namedParameters()].filter(([, param]) => biases.has(param));
  }

  /**
   * Adds the losses of the routers to that of the head.
   * @param name name of the head's loss in the metrics
   * @param batches number of batches of the step
   */
  add(loss: Scalar, name: string, routings: readonly CapturedRouting[], batches: number): TaskLoss {
    if (routings.length === 0) return { loss, metrics: { [name]: loss } };
    const share = (coef: number, f: () => Scalar): Scalar => mul(coef > 0 ? f() : noGrad(f), 1 / batches);
    const auxLoss = share(this.#auxLossCoef, () => loadBalancingLoss(routings));
    const zLoss = share(this.#zLossCoef, () => routerZLoss(routings));
    let total = loss;
    if (this.#auxLossCoef > 0) total = add(total, mul(auxLoss, this.#auxLossCoef));
    if (this.#zLossCoef > 0) total = add(total, mul(zLoss, this.#zLossCoef));
    return {
      loss: total,
      metrics: { [name]: loss, auxLoss, zLoss },
      expertCounts: expertCounts(this.#model, routings),
    };
  }

  /** Updates the biases by the loads of a step. */
  afterStep(loads: readonly ExpertLoad[]): void {
    if (this.#expertBiasRate > 0)
      for (const { router, counts } of loads) this.#routers.get(router)?.updateBias(counts, this.#expertBiasRate);
  }
}

function coefficient(where: string, value: number): number {
  if (!(value >= 0 && value < Infinity)) throw new TrainingError({ where, expected: "at least 0", got: `${value}` });
  return value;
}
