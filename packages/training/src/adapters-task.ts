import { ForCausalLM } from "@mixtape/decoder";
import { checkOptions } from "@mixtape/errors";
import { type Adapter, type AdapterBatch, type AdapterLoss, adapterLosses } from "@mixtape/peft";
import { add, addN, mul, type Scalar, type Tensor1D } from "@tensorflow/tfjs-core";
import { countLabels, countTokens } from "./batch.js";
import { checkList, expectThat } from "./checks.js";
import type { NamedParam } from "./params.js";
import type { LossScale, TaskLoss, TrainingTask } from "./training-task.js";

/** A batch of each adapter; all rows have one length. */
export type AdaptersBatch = readonly Required<AdapterBatch>[];

/** Options of {@link AdaptersTask}. */
export interface AdaptersTaskOptions {
  /** Runs layers again in the backward pass, which takes less memory and more time. Default: false. */
  readonly gradientCheckpointing?: boolean;
}

/**
 * Trains several adapters of one model at once, each on its own texts, by one forward pass. No loss has a gradient with respect
 * to another adapter's parameters.
 */
export class AdaptersTask implements TrainingTask<AdaptersBatch> {
  readonly params: readonly NamedParam[];
  readonly #model: ForCausalLM;
  readonly #gradientCheckpointing: boolean;

  /**
   * @throws {OptionError} for an unknown option
   * @throws {TrainingError} if it is not a model, or there are no adapters
   */
  constructor(model: ForCausalLM, adapters: readonly Adapter[], options: AdaptersTaskOptions = {}) {
    checkOptions("AdaptersTask", options, { gradientCheckpointing: true });
    expectThat(model instanceof ForCausalLM, "AdaptersTask", "a causal language model, loaded and awaited", model);
    const isAdapter = (item: unknown): boolean =>
      typeof (item as Partial<Adapter> | null | undefined)?.trainableParams === "function";
    checkList("AdaptersTask: adapters", "adapters on the model, awaited", adapters, isAdapter);
    expectThat(adapters.length > 0, "AdaptersTask: adapters", "at least one adapter", "none");
    this.params = adapters.flatMap((adapter) => adapter.trainableParams());
    this.#model = model;
    this.#gradientCheckpointing = options.gradientCheckpointing ?? false;
  }

  labels(batch: AdaptersBatch): number {
    return batch.reduce((sum, part) => sum + countLabels(part), 0);
  }

  tokens(batch: AdaptersBatch): number {
    return batch.reduce((sum, part) => sum + countTokens(part), 0);
  }

  loss(batch: AdaptersBatch, { batches }: LossScale): TaskLoss {
    const options = { gradientCheckpointing: this.#gradientCheckpointing, outputExpertCounts: true };
    const { losses } = adapterLosses(this.#model, batch, options);
    const shares = losses.map(({ adapter, lmLoss, routerLoss }) => ({
      adapter,
      lmLoss,
      // Label losses are divided by the labels of the whole step; a router's loss is already a mean.
      routerLoss: routerLoss && (mul(routerLoss, 1 / batches) as Scalar),
    }));
    const metrics: Record<string, Scalar> = {};
    const totals = shares.map(({ adapter, lmLoss, routerLoss }) => {
      if (shares.length > 1) metrics[`${adapter}: lmLoss`] = lmLoss;
      if (routerLoss) metrics[`${adapter}: routerLoss`] = routerLoss;
      return routerLoss ? (add(lmLoss, routerLoss) as Scalar) : lmLoss;
    });
    return { loss: addN(totals), metrics, expertCounts: inAll(losses) };
  }
}

/** Combines the counts of all adapters: those of the model's own routers are summed. */
function inAll(losses: readonly AdapterLoss[]): Record<string, Tensor1D> {
  const sums: Record<string, Tensor1D> = {};
  for (const { expertCounts = {} } of losses)
    for (const [router, counts] of Object.entries(expertCounts))
      sums[router] = sums[router] ? add(sums[router], counts) : counts;
  return sums;
}
