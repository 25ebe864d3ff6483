import { CausalLM } from "@mixtape/decoder";
import { checkOptions, type OptionNames } from "@mixtape/errors";
import { Randomness, withRandomness } from "@mixtape/ops";
import { dispose, keep, type Tensor } from "@tensorflow/tfjs-core";
import { AdamW, type AdamWOptions } from "./adam-w.js";
import type { TrainingData } from "./batch.js";
import { CausalTrainee } from "./causal-trainee.js";
import { TrainingError } from "./errors.js";
import { type Gradients, lossAndGradients } from "./gradients.js";
import type { TrainingStep } from "./metrics.js";
import { nextTurn } from "./next-turn.js";
import { loadRun, type Run, saveRun } from "./run-state.js";
import { StepSums } from "./step-sums.js";
import type { Share, Trainee } from "./trainee.js";

/** Where a run is saved (Node). */
export interface CheckpointOptions {
  /** A folder of its own, made where it does not exist. A run that was saved in it goes on. */
  readonly folder: string;
  /** After how many steps; besides, at the end and where a signal stops the run. */
  readonly every: number;
}

/** How a run goes. */
export interface TrainOptions {
  /** How many steps the run has in all, those before it was resumed included. */
  readonly maxSteps: number;
  readonly optimizer: AdamWOptions;
  /** How many batches make up a step. Default 1. */
  readonly accumulate?: number;
  /** What dropout and jitter are drawn from, a whole number from 0 to below 2²⁰. Same seed, same run. Default 0. */
  readonly seed?: number;
  readonly checkpoints?: CheckpointOptions;
  /** Stops the run between two batches: it is saved, where it is saved at all, and the iteration throws the signal's reason. */
  readonly signal?: AbortSignal;
}

const OPTIONS: OptionNames<TrainOptions> = {
  maxSteps: true,
  optimizer: true,
  accumulate: true,
  seed: true,
  checkpoints: true,
  signal: true,
};

/** What a run did, step by step. */
export type TrainingSteps = AsyncGenerator<TrainingStep, void, undefined>;

/**
 * Trains step by step: what it yields says what the step did. Between batches it gives way to the event loop, so that a page
 * stays responsive. Breaking out of the loop stops the run; the parameters keep what they learnt.
 *
 * ```ts
 * unfreeze(model);
 * for await (const { step, loss } of train(model, data, { maxSteps: 100, optimizer: { learningRate: 1e-4 } }))
 *   console.log(step, loss);
 * ```
 *
 * @param what a causal language model whose unfrozen parameters train, or any {@link Trainee}
 * @param data gives the batches; step n takes `accumulate` of them from number `(n − 1) · accumulate` on
 * @throws {OptionError} for an option that it does not know, of the run, its optimiser or its checkpoints
 * @throws {TrainingError} where nothing trains, a step has no labels, a loss or a gradient is not finite, or a run of another
 *   model was saved in the folder. The parameters are as the step before left them, and what was saved stays.
 */
export function train(what: CausalLM, data: TrainingData, options: TrainOptions): TrainingSteps;
export function train<B>(what: Trainee<B>, data: TrainingData<B>, options: TrainOptions): TrainingSteps;
export function train(what: CausalLM | Trainee, data: TrainingData, options: TrainOptions): TrainingSteps {
  return stepsOf(what instanceof CausalLM ? new CausalTrainee(what) : what, data, options);
}

async function* stepsOf<B>(trainee: Trainee<B>, data: TrainingData<B>, options: TrainOptions): TrainingSteps {
  checkOptions("train", options, OPTIONS);
  const { maxSteps, optimizer: settings, accumulate = 1, seed = 0, checkpoints, signal } = options;
  checkWhole("maxSteps", maxSteps, 1);
  checkWhole("accumulate", accumulate, 1);
  checkWhole("seed", seed, 0, 2 ** 20 - 1);
  if (checkpoints) checkOptions("checkpoints", checkpoints, { folder: true, every: true });
  if (checkpoints) checkWhole("checkpoints.every", checkpoints.every, 1);
  const params = [...trainee.params];
  const optimizer = new AdamW(params, settings);
  const run: Run = {
    params,
    buffers: [...(trainee.buffers ?? [])],
    optimizer,
    settings: { seed, accumulate },
    history: [],
  };
  let saved = 0;
  const save = async (): Promise<void> => {
    if (!checkpoints || saved === optimizer.steps) return;
    await saveRun(checkpoints.folder, run);
    saved = optimizer.steps;
  };
  try {
    signal?.throwIfAborted();
    if (checkpoints && (await loadRun(checkpoints.folder, run))) saved = optimizer.steps;
    while (optimizer.steps < maxSteps) {
      const step = await oneStep(trainee, data, run, signal);
      run.history.push(step);
      if (checkpoints && (step.step % checkpoints.every === 0 || step.step === maxSteps)) await save();
      yield step;
    }
  } catch (error) {
    if (signal?.aborted && error === signal.reason) await save();
    throw error;
  } finally {
    optimizer.dispose();
  }
}

async function oneStep<B>(
  trainee: Trainee<B>,
  data: TrainingData<B>,
  { params, optimizer, settings: { seed, accumulate } }: Run,
  signal: AbortSignal | undefined,
): Promise<TrainingStep> {
  const start = performance.now();
  const first = optimizer.steps * accumulate;
  const batches: B[] = [];
  for (let i = 0; i < accumulate; i++) batches.push(await data.batch(first + i));
  const share: Share = { numItems: sumOf(batches, (batch) => trainee.labels(batch)), batches: accumulate };
  if (share.numItems === 0)
    throw new TrainingError({
      where: `step ${optimizer.steps + 1}`,
      expected: "at least one label that counts",
      got: "none",
      fix: "All labels of its batches are -100, or no text has two tokens",
    });
  const sums = new StepSums(optimizer.steps + 1);
  let total: Gradients | undefined;
  try {
    for (const [i, batch] of batches.entries()) {
      await nextTurn();
      signal?.throwIfAborted();
      const randomness = new Randomness(seed * 2 ** 33 + first + i);
      const { gradients, numbers } = withRandomness(randomness, () => backward(trainee, batch, share, params));
      if (total) total.add(gradients);
      else total = gradients;
      await sums.add(numbers);
    }
    if (total!.isEmpty)
      throw new TrainingError({
        where: `step ${optimizer.steps + 1}`,
        expected: "a loss that depends on some parameter that trains",
        got: "one that depends on none",
        fix: "An adapter must be selected for the rows that it learns from, enabled, and not merged",
      });
    const moved = await optimizer.step(total!);
    const { loss, metrics, expertLoads } = sums;
    await trainee.afterStep?.(expertLoads);
    return {
      step: optimizer.steps,
      loss,
      metrics,
      ...moved,
      tokens: sumOf(batches, (batch) => trainee.tokens(batch)),
      labels: share.numItems,
      seconds: (performance.now() - start) / 1000,
      expertLoads,
    };
  } finally {
    total?.dispose();
  }
}

/** The gradients of a batch, and the tensors that are to be read of it, by kind and name. */
function backward<B>(
  trainee: Trainee<B>,
  batch: B,
  share: Share,
  params: Run["params"],
): { gradients: Gradients; numbers: Map<string, Tensor> } {
  const numbers = new Map<string, Tensor>();
  const note = (kind: string, tensors: Readonly<Record<string, Tensor>> = {}): void => {
    for (const [name, tensor] of Object.entries(tensors)) numbers.set(`${kind}${name}`, keep(tensor.clone()));
  };
  try {
    const { loss, gradients } = lossAndGradients(() => {
      const { loss, metrics, expertCounts } = trainee.loss(batch, share);
      note(StepSums.METRIC, metrics);
      note(StepSums.LOAD, expertCounts);
      return loss;
    }, params);
    numbers.set(StepSums.LOSS, loss);
    return { gradients, numbers };
  } catch (error) {
    dispose([...numbers.values()]);
    throw error;
  }
}

function sumOf<T>(items: readonly T[], f: (item: T) => number): number {
  return items.reduce((sum, item) => sum + f(item), 0);
}

function checkWhole(where: string, value: number, min: number, max = Infinity): void {
  if (!(Number.isInteger(value) && value >= min && value <= max))
    throw new TrainingError({
      where,
      expected: `a whole number ${max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`}`,
      got: `${value}`,
    });
}
