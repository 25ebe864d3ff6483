import { CausalLM, causalLoss, readBatch } from "@mixtape/decoder";
import { checkOptions, type OptionNames } from "@mixtape/errors";
import { Router, SigmoidBiasRouter } from "@mixtape/layers";
import { untaped } from "@mixtape/ops";
import { add, mul, type Scalar, type Tensor1D, type Tensor2D } from "@tensorflow/tfjs-core";
import { countLabels, countTokens, type TrainingBatch } from "./batch.js";
import { expectThat } from "./checks.js";
import { TrainingError } from "./errors.js";
import { expertBiases, moveExpertBiases, namedExpertBiases } from "./expert-bias.js";
import { type NamedParam, trainableParams } from "./params.js";
import { expertCounts, type Routings, routerZLoss, switchLoss } from "./router-losses.js";
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
  readonly #routers: readonly (readonly [name: string, router: Router])[];
  readonly #score: Routings["score"];
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
    this.#routers = [...model.namedModules()].flatMap(([name, module]) =>
      module instanceof Router ? [[name, module] as const] : [],
    );
    this.#score = this.#routers.some(([, router]) => router instanceof SigmoidBiasRouter) ? "sigmoid" : "softmax";
    this.#auxLossCoef = coefficient("auxLossCoef", auxLossCoef);
    this.#zLossCoef = coefficient("zLossCoef", zLossCoef);
    this.#expertBiasRate = coefficient("expertBiasRate", expertBiasRate);
    this.#gradientCheckpointing = gradientCheckpointing;
    if (expertBiasRate > 0 && expertBiases(model).size === 0)
      throw new TrainingError({
        where: "expertBiasRate",
        expected: "0 for a model whose routers have no bias",
        got: `${expertBiasRate}`,
        fix: "Its load is balanced by auxLossCoef",
      });
  }

  get buffers(): NamedParam[] {
    return this.#expertBiasRate > 0 ? namedExpertBiases(this.model) : [];
  }

  labels(batch: TrainingBatch): number {
    return countLabels(batch);
  }

  tokens(batch: TrainingBatch): number {
    return countTokens(batch);
  }

  loss(batch: TrainingBatch, { numItems, batches }: Share): TraineeLoss {
    const { labels, ...tokens } = batch;
    const isRouted = this.#routers.length > 0;
    const output = this.model.forward({
      ...tokens,
      outputRouterLogits: isRouted,
      outputExpertIndices: isRouted,
      gradientCheckpointing: this.#gradientCheckpointing,
    });
    const lmLoss = causalLoss(output.logits, readBatch(labels, "labels"), numItems);
    const { routerLogits: logits = [], expertIndices: indices = [] } = output;
    if (logits.length === 0) return { loss: lmLoss, metrics: { lmLoss } };
    const routings = { logits, indices, score: this.#score, tokens: tokensOf(batch) };
    const share = (coef: number, f: () => Scalar): Scalar => mul(coef > 0 ? f() : untaped(f), 1 / batches);
    const auxLoss = share(this.#auxLossCoef, () => switchLoss(routings));
    const zLoss = share(this.#zLossCoef, () => routerZLoss(routings));
    let loss = lmLoss;
    if (this.#auxLossCoef > 0) loss = add(loss, mul(auxLoss, this.#auxLossCoef));
    if (this.#zLossCoef > 0) loss = add(loss, mul(zLoss, this.#zLossCoef));
    return {
      loss,
      metrics: { lmLoss, auxLoss, zLoss },
      expertCounts: this.#countsOf(logits, indices, routings.tokens),
    };
  }

  afterStep(loads: readonly ExpertLoad[]): void {
    if (this.#expertBiasRate > 0) moveExpertBiases(this.model, loads, this.#expertBiasRate);
  }

  #countsOf(logits: readonly Tensor2D[], indices: readonly Tensor2D[], tokens: Float32Array): Record<string, Tensor1D> {
    return Object.fromEntries(
      indices.map((chosen, i) => [this.#routers[i]![0], expertCounts(chosen, logits[i]!.shape[1], tokens)]),
    );
  }
}

/** 1 for each token of a batch and 0 for padding, row by row. */
function tokensOf({ inputIds, attentionMask }: TrainingBatch): Float32Array {
  if (attentionMask) return Float32Array.from(attentionMask.flat(), (value) => (value === 0 ? 0 : 1));
  return new Float32Array(inputIds.length * inputIds[0]!.length).fill(1);
}

function coefficient(where: string, value: number): number {
  if (!(value >= 0 && value < Infinity)) throw new TrainingError({ where, expected: "at least 0", got: `${value}` });
  return value;
}
