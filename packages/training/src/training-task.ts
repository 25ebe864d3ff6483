import type { Scalar, Tensor1D } from "@tensorflow/tfjs-core";
import type { TrainingBatch } from "./batch.js";
import type { NamedParam } from "./params.js";

/**
 * Parameters to train with their loss: of a model, of adapters on one, or custom ones.
 *
 * A task only reads batches, hence `in`: a task that accepts any batch is a task for one kind of them, but not the
 * other way round.
 * @typeParam B batch
 */
export interface TrainingTask<in B = TrainingBatch> {
  /** Trainable parameters. */
  readonly params: Iterable<NamedParam>;
  /** Parameters that change without a gradient, and are saved in checkpoints too. */
  readonly buffers?: Iterable<NamedParam>;
  /** Number of labels of a batch that are not ignored. Losses are divided by the sum over all batches of a step. */
  labels(batch: B): number;
  /** Number of tokens of a batch, for the speed of a run. */
  tokens(batch: B): number;
  /** Computes the loss of a batch. It runs in a tidy, with gradients recorded, and dropout and jitter on. */
  loss(batch: B, scale: LossScale): TaskLoss;
  /** Called after each step of the optimiser, with the expert counts of `loss` summed over the step. */
  afterStep?(loads: readonly ExpertLoad[]): void | Promise<void>;
}

/** Divisors of a batch's losses: gradient accumulation over several batches then has the loss of one batch. */
export interface LossScale {
  /** Number of labels in all batches of the step: the divisor of a sum over tokens. */
  readonly numItems: number;
  /** Number of batches of the step: the divisor of a mean, such as an auxiliary loss. */
  readonly batches: number;
}

/** Loss of a batch. */
export interface TaskLoss {
  readonly loss: Scalar;
  /** Its terms by name, for metrics. They add up over the batches of a step. */
  readonly metrics?: Readonly<Record<string, Scalar>>;
  /** Number of tokens of each expert, `[E]` by the name of the router. */
  readonly expertCounts?: Readonly<Record<string, Tensor1D>>;
}

/** Number of tokens of each expert of a layer. */
export interface ExpertLoad {
  /** Name of the layer's router. */
  readonly router: string;
  /** One count per expert. */
  readonly counts: readonly number[];
}
