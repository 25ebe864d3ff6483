import type { Scalar, Tensor1D } from "@tensorflow/tfjs-core";
import type { TrainingBatch } from "./batch.js";
import type { NamedParam } from "./params.js";

/**
 * What is trained, and what it is trained to do: a model, adapters on one, several of them at once.
 *
 * A trainee reads batches and gives none away, hence `in`: one that takes any batch will do for a kind of them, never one that
 * takes another kind.
 * @typeParam B what a batch of it is
 */
export interface Trainee<in B = TrainingBatch> {
  /** What trains: unfrozen parameters. */
  readonly params: Iterable<NamedParam>;
  /** Parameters that change otherwise, and belong in a checkpoint too. */
  readonly buffers?: Iterable<NamedParam>;
  /** How many labels of a batch count. Losses are divided by their number in all batches of a step. */
  labels(batch: B): number;
  /** How many tokens a batch has, for the speed of a run. */
  tokens(batch: B): number;
  /** The loss of a batch. It runs in a tidy, recorded for its gradient, with dropout and jitter on. */
  loss(batch: B, share: Share): TraineeLoss;
  /** Called after each step of the optimiser, with the loads that `loss` told, summed over the step. */
  afterStep?(loads: readonly ExpertLoad[]): void | Promise<void>;
}

/** What part of a step a batch is. */
export interface Share {
  /** The labels of all batches of the step. The sum of losses by token is divided by that. */
  readonly numItems: number;
  /** How many batches the step has. What is no sum over tokens, such as an auxiliary loss, is divided by that. */
  readonly batches: number;
}

/** What a batch adds to a step. */
export interface TraineeLoss {
  readonly loss: Scalar;
  /** What it consists of, by name, for metrics. They add up over the batches of a step. */
  readonly metrics?: Readonly<Record<string, Scalar>>;
  /** `[E]` by the name of its router: how many tokens each expert was given. */
  readonly expertCounts?: Readonly<Record<string, Tensor1D>>;
}

/** How many tokens each expert of a layer was given. */
export interface ExpertLoad {
  /** The name of the layer's router. */
  readonly router: string;
  /** One count per expert. */
  readonly counts: readonly number[];
}
