import { CausalLM, causalLoss, readBatch } from "@mixtape/decoder";
import { checkOptions, type OptionNames } from "@mixtape/errors";
import { expertCounts, loadBalancingLoss, namedRouters, routerZLoss, type TokenRouter } from "@mixtape/layers";
import { untaped } from "@mixtape/ops";
import { add, mul, type Scalar } from "@tensorflow/tfjs-core";
import { countLabels, countTokens, type TrainingBatch } from "./batch.js";
import { expectThat } from "./checks.js";
import { TrainingError } from "./errors.js";
import { type NamedParam, trainableParams } from "./params.js";
import type { ExpertLoad, Share, Trainee, TraineeLoss } from "./trainee.js";

/** How a causal language model is trained. */
export interface CausalTraineeOptions {
  /** What trains, where it is not what trains of the model itself: the parameters of adapters on it. */
  readonly params?: Iterable<NamedParam>;
  /** What the load balancing loss counts. As the config says (`routerAuxLossCoef`) where absent, and 0 where it does not. */
  readonly auxLossCoef?: number;
  /** What the router z-loss counts. Default 0. */
  readonly zLossCoef?: number;
  /** By how much the biases of routers that have some move with each step, to even the load. Default 0: they stay. */
  readonly expertBiasRate?: number;
  /** Whether layers run again on the way back, which takes less memory and more time. Default false. */
  readonly gradientCheckpointing?: boolean;
}

const OPTIONS: OptionNames<CausalTraineeOptions> = {
  params: true,
  auxLossCoef: true,
  zLossCoef: true,
  expertBiasRate: true,
  gradientCheckpointing: true,
};

/** A causal language model that learns to predict the next token. */
export class CausalTrainee implements Trainee<TrainingBatch> {
  readonly model: CausalLM;
  readonly params: readonly NamedParam[];
  readonly #routers: ReadonlyMap<string, TokenRouter>;
  readonly #auxLossCoef: number;
  readonly #zLossCoef: number;
  readonly #expertBiasRate: number;
  readonly #gradientCheckpointing: boolean;

  /**
   * @throws {OptionError} for an option that it does not know
   * @throws {TrainingError} for a coefficient below 0, and for a rate where no router has a bias
   */
  constructor(model: CausalLM, options: CausalTraineeOptions = {}) {
    checkOptions("CausalTrainee", options, OPTIONS);
    expectThat(model instanceof CausalLM, "CausalTrainee", "a causal language model, loaded and awaited", model);
    const config = model.config as { readonly routerAuxLossCoef?: number };
    const { params = trainableParams(model), auxLossCoef = config.routerAuxLossCoef ?? 0, zLossCoef = 0 } = options;
    const { expertBiasRate = 0, gradientCheckpointing = false } = options;
    this.model = model;
    this.params = [...params];
    this.#routers = new Map(namedRouters(model));
    this.#auxLossCoef = coefficient("auxLossCoef", auxLossCoef);
    this.#zLossCoef = coefficient("zLossCoef", zLossCoef);
    this.#expertBiasRate = coefficient("expertBiasRate", expertBiasRate);
    this.#gradientCheckpointing = gradientCheckpointing;
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

  loss(batch: TrainingBatch, { numItems, batches }: Share): TraineeLoss {
    const { labels, ...tokens } = batch;
    const { logits, routings = [] } = this.model.forward({
      ...tokens,
      outputRouterLogits: false,
      outputRoutings: this.#routers.size > 0,
      gradientCheckpointing: this.#gradientCheckpointing,
    });
    const lmLoss = causalLoss(logits, readBatch(labels, "labels"), numItems);
    if (routings.length === 0) return { loss: lmLoss, metrics: { lmLoss } };
    const share = (coef: number, f: () => Scalar): Scalar => mul(coef > 0 ? f() : untaped(f), 1 / batches);
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
