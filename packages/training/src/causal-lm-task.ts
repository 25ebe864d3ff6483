import { causalLoss, ForCausalLM, readBatch } from "@mixtape/decoder";
import { checkOptions, type OptionNames } from "@mixtape/errors";
import type { RoutingObserver } from "@mixtape/layers";
import { countLabels, countTokens, type TrainingBatch } from "./batch.js";
import { expectThat } from "./checks.js";
import { type NamedParam, trainableParams } from "./params.js";
import { RouterTerms } from "./router-terms.js";
import type { ExpertLoad, LossScale, TaskLoss, TrainingTask } from "./training-task.js";

/** Options of {@link CausalLMTask}. */
export interface CausalLMTaskOptions {
  /** Parameters to train, such as those of an adapter. Default: the unfrozen parameters of the model. */
  readonly params?: Iterable<NamedParam>;
  /** Coefficient of the load-balancing loss. Default: the config's `routerAuxLossCoef`, or 0 if it has none. */
  readonly auxLossCoef?: number;
  /** Coefficient of the router z-loss. Default: 0. */
  readonly zLossCoef?: number;
  /** Step size of the routers' balancing biases, which are updated after each optimiser step. Default: 0, no update. */
  readonly expertBiasRate?: number;
  /** Runs layers again in the backward pass, which takes less memory and more time. Default: false. */
  readonly gradientCheckpointing?: boolean;
  /**
   * Observer of the routing of a batch, such as the replay of the routing recorded when its text was generated (Ma et
   * al. 2025, https://arxiv.org/abs/2510.11370). Default: none.
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
  readonly #routers: RouterTerms;
  readonly #gradientCheckpointing: boolean;
  readonly #routing: NonNullable<CausalLMTaskOptions["routing"]>;

  /**
   * @throws {OptionError} for an unknown option
   * @throws {TrainingError} for a negative coefficient, and for a rate if no router has a bias
   */
  constructor(model: ForCausalLM, options: CausalLMTaskOptions = {}) {
    checkOptions("CausalLMTask", options, OPTIONS);
    expectThat(model instanceof ForCausalLM, "CausalLMTask", "a causal language model, loaded and awaited", model);
    const config = model.config as { readonly routerAuxLossCoef?: number };
    const { params = trainableParams(model), auxLossCoef = config.routerAuxLossCoef ?? 0 } = options;
    const { gradientCheckpointing = false, routing = () => undefined } = options;
    this.model = model;
    this.params = [...params];
    this.#routers = new RouterTerms(model, { ...options, auxLossCoef });
    this.#gradientCheckpointing = gradientCheckpointing;
    this.#routing = routing;
  }

  get buffers(): NamedParam[] {
    return this.#routers.buffers;
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
      outputRoutings: this.#routers.hasRouters,
      gradientCheckpointing: this.#gradientCheckpointing,
      routing: this.#routing(batch),
    });
    const lmLoss = causalLoss(logits, readBatch(labels, "labels"), numItems);
    return this.#routers.add(lmLoss, "lmLoss", routings, batches);
  }

  afterStep(loads: readonly ExpertLoad[]): void {
    this.#routers.afterStep(loads);
  }
}
