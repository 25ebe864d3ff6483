/** Base of the tasks of heads: tokens in, a loss of labels, and scores of predictions. */

import type { HiddenOutput, ModelInputs, PreTrainedModel } from "@mixtape/decoder";
import { checkOptions, type OptionNames } from "@mixtape/errors";
import type { Scalar } from "@tensorflow/tfjs-core";
import { dispose, tidy } from "@tensorflow/tfjs-core";
import type { TrainingData } from "../batch.js";
import { checkWhole, expectThat } from "../checks.js";
import { TrainingError } from "../errors.js";
import { nextTurn } from "../next-turn.js";
import { type NamedParam, trainableParams } from "../params.js";
import { type RouterOptions, RouterTerms } from "../router-terms.js";
import type { ExpertLoad, LossScale, TaskLoss, TrainingTask } from "../training-task.js";
import type { Scores } from "./scores.js";

/** Options of a head's task. As in transformers, the loss includes no router loss unless a coefficient is given. */
export interface HeadTaskOptions extends RouterOptions {
  /** Parameters to train, such as those of an adapter. Default: the unfrozen parameters of the model. */
  readonly params?: Iterable<NamedParam>;
  /** Runs layers again in the backward pass, which takes less memory and more time. Default: false. */
  readonly gradientCheckpointing?: boolean;
}

const OPTIONS: OptionNames<HeadTaskOptions> = {
  params: true,
  auxLossCoef: true,
  zLossCoef: true,
  expertBiasRate: true,
  gradientCheckpointing: true,
};

/** Token ids in rows of one length. */
export interface TokensBatch {
  /** `[B, L]` */
  readonly inputIds: readonly (readonly number[])[];
  /** `[B, L]`, 1 for a token and 0 for padding. Default: all are tokens. */
  readonly attentionMask?: readonly (readonly number[])[];
}

/** Batches of an epoch, repeatedly. */
export interface EpochData<B> extends TrainingData<B> {
  readonly batchesPerEpoch: number;
}

/** Loss and scores of evaluated texts. */
export interface HeadEvaluation {
  /** Mean loss of a label. */
  readonly loss: number;
  /** `accuracy` and `f1`, `exactMatch` or `mse`, depending on the task. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Number of labels with a loss. */
  readonly labels: number;
}

/** Options of {@link HeadTask.evaluate}. */
export interface HeadEvaluateOptions {
  /** Stops between two batches; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each batch, with the numbers of finished batches and of all. */
  readonly onBatch?: (done: number, all: number) => void;
}

/** Trains a model with a head, or adapters on one. */
export abstract class HeadTask<M extends PreTrainedModel, O extends HiddenOutput, B extends TokensBatch>
  implements TrainingTask<B>
{
  readonly model: M;
  readonly params: readonly NamedParam[];
  readonly #routers: RouterTerms;
  readonly #gradientCheckpointing: boolean;

  /**
   * @throws {OptionError} for an unknown option
   * @throws {TrainingError} for a negative coefficient, and for a rate if no router has a bias
   */
  constructor(model: M, options: HeadTaskOptions = {}) {
    checkOptions(new.target.name, options, OPTIONS);
    const { params = trainableParams(model), gradientCheckpointing = false } = options;
    this.model = model;
    this.params = [...params];
    this.#routers = new RouterTerms(model, options);
    this.#gradientCheckpointing = gradientCheckpointing;
  }

  /** Runs the model without labels. */
  protected abstract run(inputs: ModelInputs): O;

  /** Sums the losses of a batch, divided by `numItems`. */
  protected abstract headLoss(output: O, batch: B, numItems: number): Scalar;

  /** Creates empty scores of predictions. */
  protected abstract scores(): Scores<O, B>;

  abstract labels(batch: B): number;

  get buffers(): NamedParam[] {
    return this.#routers.buffers;
  }

  tokens({ inputIds, attentionMask }: B): number {
    const rows = attentionMask ?? inputIds.map((row) => row.map(() => 1));
    return rows.reduce((sum, row) => sum + row.filter((value) => value !== 0).length, 0);
  }

  loss(batch: B, { numItems, batches }: LossScale): TaskLoss {
    const output = this.run({
      ...tokensOf(batch),
      outputRouterLogits: false,
      outputRoutings: this.#routers.hasRouters,
      gradientCheckpointing: this.#gradientCheckpointing,
    });
    const { routings = [] } = output;
    return this.#routers.add(this.headLoss(output, batch, numItems), "headLoss", routings, batches);
  }

  afterStep(loads: readonly ExpertLoad[]): void {
    this.#routers.afterStep(loads);
  }

  /**
   * Computes the loss and the scores of one epoch of `data`. Dropout is off. Between batches it yields to the event
   * loop.
   * @throws {OptionError} for an unknown option
   * @throws {TrainingError} if all labels are ignored
   */
  async evaluate(data: EpochData<B>, options: HeadEvaluateOptions = {}): Promise<HeadEvaluation> {
    checkOptions("evaluate", options, { signal: true, onBatch: true });
    const { signal, onBatch } = options;
    expectThat(typeof data?.batch === "function", "evaluate: data", "batches of the task", data);
    checkWhole("evaluate: data.batchesPerEpoch", data.batchesPerEpoch, 1);
    const scores = this.scores();
    let [sum, labels] = [0, 0];
    for (let i = 0; i < data.batchesPerEpoch; i++) {
      await nextTurn();
      signal?.throwIfAborted();
      const batch = await data.batch(i);
      const count = this.labels(batch);
      if (count > 0) {
        const { output, loss } = tidy(() => {
          const output = this.run({ ...tokensOf(batch), outputRouterLogits: false });
          return { output, loss: this.headLoss(output, batch, 1) };
        });
        try {
          const [value] = await loss.data();
          sum += value!;
          await scores.add(output, batch);
        } finally {
          dispose([loss, output as never]);
        }
      }
      labels += count;
      onBatch?.(i + 1, data.batchesPerEpoch);
    }
    if (labels === 0)
      throw new TrainingError({ where: "evaluate", expected: "at least one label that is not ignored", got: "none" });
    return { loss: sum / labels, metrics: scores.metrics(), labels };
  }
}

function tokensOf({ inputIds, attentionMask }: TokensBatch): ModelInputs {
  return { inputIds, ...(attentionMask && { attentionMask }) };
}
