import { causalLoss, ForCausalLM, readBatch } from "@mixtape/decoder";
import { checkOptions, type OptionNames } from "@mixtape/errors";
import {
  expertCounts,
  loadBalancingLoss,
  namedRouters,
  type RoutingObserver,
  routerZLoss,
  type TokenRouter,
} from "@mixtape/layers";
import { noGrad } from "@mixtape/ops";
import { add, mul, type Scalar } from "@tensorflow/tfjs-core";
import { countLabels, countTokens, type TrainingBatch } from "./batch.js";
import { expectThat } from "./checks.js";
import { TrainingError } from "./errors.js";
import { type NamedParam, trainableParams } from "./params.js";
import type { ExpertLoad, LossScale, TaskLoss, TrainingTask } from "./training-task.js";

/** Options of {@link CausalLMTask}. */
export interface CausalLMTaskOptions {
  /** Parameters to train, such as those of an adapter. Default: the unfrozen parameters of the model. */
  readonly params?: Iterable<NamedParam>;
  /** Coefficient of the load-balancing loss. Default: the config's `routerAuxLossCoef`, or 0 if it has none. */
  readonly auxLossCoef?: number;
  /** Coefficient of the router z-loss. Default 0. */
  readonly zLossCoef?: number;
  /** Step size of the balancing biases of routers, which move after each optimiser step. Default 0: they stay. */
  readonly expertBiasRate?: number;
  /** Runs layers again in the backward pass, which takes less memory and more time. Default false. */
  readonly gradientCheckpointing?: boolean;
  /**
   * Observer of the routing of a batch, such as the replay of what was recorded when its text was generated (Ma et al. 2025,
   * https://arxiv.org/abs/2510.11370). Default: none.
   */
  readonly routing?: (batch: TrainingBatch) => RoutingObserver | undefined;
}

const OPTIONS: OptionNames<CausalLMTaskOptions> = {
  params: true,
  auxLossCoef: true,
  zLossCoef: true,
  expertBiasRate: true,
  gradientCheckpointing: true,
  routing: true,
};

/** Trains a causal language model, or adapters on one, to predict the next token. */
export class CausalLMTask implements TrainingTask<TrainingBatch> {
  readonly model: ForCausalLM;
  readonly params: readonly NamedParam[];
  readonly #routers: ReadonlyMap<string, TokenRouter>;
  readonly #auxLossCoef: number;
  readonly #zLossCoef: number;
  readonly #expertBiasRate: number;
  readonly #gradientCheckpointing: boolean;
  readonly #routing: NonNullable<CausalLMTaskOptions["routing"]>;

  /**
   * @throws {OptionError} for an option that it does not know
   * @throws {TrainingError} for a coefficient below 0, and for a rate where no router has a bias
   */
  constructor(model: ForCausalLM, options: CausalLMTaskOptions = {}) {
    checkOptions("CausalLMTask", options, OPTIONS);
    expectThat(model instanceof ForCausalLM, "CausalLMTask", "a causal language model, loaded and awaited", model);
    const config = model.config as { readonly routerAuxLossCoef?: number };
    const { params = trainableParams(model), auxLossCoef = config.routerAuxLossCoef ?? 0, zLossCoef = 0 } = options;
    const { expertBiasRate = 0, gradientCheckpointing = false, routing = () => undefined } = options;
    this.model = model;
    this.params = [...params];
    this.#routers = new Map(namedRouters(model));
    this.#auxLossCoef = coefficient("auxLossCoef", auxLossCoef);
    this.#zLossCoef = coefficient("zLossCoef", zLossCoef);
    this.#expertBiasRate = coefficient("expertBiasRate", expertBiasRate);
    this.#gradientCheckpointing = gradientCheckpointing;
    this.#routing = routing;
    if (expertBiasRate > 0 && [...this.#routers.values()].every(({ balancingBias }) => balancingBias === null))
      throw new TrainingError({
        where: "expertBiasRate",
        expected: "0 for a model whose routers have no bias",
        got: `${expertBiasRate}`,
        fix: "Its load is balanced by auxLossCoef",
      });
  }

  get buffers(): NamedParam[] {
    if (this.#expertBiasRate === 0) return [];
    const biases = new Set([...this.#routers.values()].map(({ balancingBias }) => balancingBias));
    return [...this.model.namedParameters()].filter(([, param]) => biases.has(param));
  }

  labels(batch: TrainingBatch): number {
    return countLabels(batch);
  }

  tokens(batch: TrainingBatch): number {
    return countTokens(batch);
  }

  loss(batch: TrainingBatch, { numItems, batches }: LossScale): TaskLoss {
    const { labels, ...tokens } = batch;
    const { logits, routings = [] } = this.model.forward({
      ...tokens,
      outputRouterLogits: false,
      outputRoutings: this.#routers.size > 0,
      gradientCheckpointing: this.#gradientCheckpointing,
      routing: this.#routing(batch),
    });
    const lmLoss = causalLoss(logits, readBatch(labels, "labels"), numItems);
    if (routings.length === 0) return { loss: lmLoss, metrics: { lmLoss } };
    const share = (coef: number, f: () => Scalar): Scalar => mul(coef > 0 ? f() : noGrad(f), 1 / batches);
    const auxLoss = share(this.#auxLossCoef, () => loadBalancingLoss(routings));
    const zLoss = share(this.#zLossCoef, () => routerZLoss(routings));
    let loss = lmLoss;
    if (this.#auxLossCoef > 0) loss = add(loss, mul(auxLoss, this.#auxLossCoef));
    if (this.#zLossCoef > 0) loss = add(loss, mul(zLoss, this.#zLossCoef));
    return {
      loss,
      metrics: { lmLoss, auxLoss, zLoss },
      expertCounts: expertCounts(this.model, routings),
    };
  }

  afterStep(loads: readonly ExpertLoad[]): void {
    if (this.#expertBiasRate > 0)
      for (const { router, counts } of loads) this.#routers.get(router)?.updateBias(counts, this.#expertBiasRate);
  }
}

function coefficient(where: string, value: number): number {
  if (!(value >= 0 && value < Infinity)) throw new TrainingError({ where, expected: "at least 0", got: `${value}` });
  return value;
}
