import { ForCausalLM } from "@mixtape/decoder";
import { checkOptions, type OptionNames } from "@mixtape/errors";
import { Rng, withRng } from "@mixtape/ops";
import { dispose, keep, type Tensor } from "@tensorflow/tfjs-core";
import { AdamW, type AdamWOptions } from "./adam-w.js";
import type { TrainingData } from "./batch.js";
import { checkCallbacks, type TrainCallbacks, type TrainControl } from "./callbacks.js";
import { CausalLMTask } from "./causal-lm-task.js";
import { checkIterable, checkWhole, expectThat } from "./checks.js";
import { TrainingError } from "./errors.js";
import { type Gradients, lossAndGradients } from "./gradients.js";
import {
  bestStep,
  checkHeldOut,
  copyParams,
  evaluateHeldOut,
  type HeldOutOptions,
  hasStalled,
  restoreParams,
} from "./held-out.js";
import type { TrainingStep } from "./metrics.js";
import { nextTurn } from "./next-turn.js";
import { loadRun, type Run, saveRun } from "./run-state.js";
import { StepSums } from "./step-sums.js";
import type { LossScale, TrainingTask } from "./training-task.js";

/** Saving of a run (Node). */
export interface CheckpointOptions {
  /** A folder for this run only, created if it does not exist. A run that was saved in it is resumed. */
  readonly folder: string;
  /** Number of steps between two saves; also saved at the end and when a signal stops the run. */
  readonly every: number;
}

/** Options of a run. */
export interface TrainOptions {
  /** Total number of steps, those before resuming included. */
  readonly maxSteps: number;
  /** Settings of AdamW. */
  readonly optimizer: AdamWOptions;
  /** Number of batches per step. Default: 1. */
  readonly accumulate?: number;
  /** Seed of dropout and jitter, an integer from 0 to below 2²⁰. Same seed, same run. Default: 0. */
  readonly seed?: number;
  /** Saves the run, and resumes a saved one. Default: not saved. */
  readonly checkpoints?: CheckpointOptions;
  /** Evaluates on held-out texts during the run. */
  readonly evaluation?: HeldOutOptions;
  /** Called at events of the run. */
  readonly callbacks?: TrainCallbacks;
  /**
   * Stops the run between two batches: the run is saved if `checkpoints` is set, and the iteration throws the signal's
   * reason.
   */
  readonly signal?: AbortSignal;
}

const OPTIONS: OptionNames<TrainOptions> = {
  maxSteps: true,
  optimizer: true,
  accumulate: true,
  seed: true,
  checkpoints: true,
  evaluation: true,
  callbacks: true,
  signal: true,
};

/** The steps of a run. */
export type TrainingSteps = AsyncGenerator<TrainingStep, void, undefined>;

/**
 * Trains step by step: yields the result of each step. Between batches it yields to the event loop, so that a page
 * stays responsive. Breaking out of the loop stops the run; the parameters keep their values.
 *
 * ```ts
 * unfreeze(model);
 * for await (const { step, loss } of train(model, data, { maxSteps: 100, optimizer: { learningRate: 1e-4 } }))
 *   console.log(step, loss);
 * ```
 *
 * @param what a causal language model whose unfrozen parameters are trained, or any {@link TrainingTask}
 * @param data source of batches; step n uses `accumulate` of them from index `(n − 1) · accumulate` on
 * @throws {OptionError} for an unknown option of the run, its optimiser or its checkpoints
 * @throws {TrainingError} if there are no trainable parameters, a step has no labels, a loss or a gradient is not
 *   finite, or a run of another model or with other settings was saved in the folder. The parameters are those of the
 *   previous step, and saved files stay. A resumed run may have more steps than before; then its schedule is that of
 *   the new options.
 */
export function train(what: ForCausalLM, data: TrainingData, options: TrainOptions): TrainingSteps;
export function train<B>(what: TrainingTask<B>, data: TrainingData<B>, options: TrainOptions): TrainingSteps;
export function train(what: ForCausalLM | TrainingTask, data: TrainingData, options: TrainOptions): TrainingSteps {
  return stepsOf(what, data, options);
}

async function* stepsOf(what: ForCausalLM | TrainingTask, data: TrainingData, options: TrainOptions): TrainingSteps {
  checkTrainOptions(options);
  const task = what instanceof ForCausalLM ? new CausalLMTask(what) : what;
  expectThat(typeof task?.loss === "function", "train", "a causal language model or a TrainingTask, awaited", task);
  checkIterable("train: params", "[name, Param] pairs of what trains", task.params);
  expectThat(typeof data?.batch === "function", "train: data", "an object with batch(index)", data);
  const { maxSteps, optimizer: settings, accumulate = 1, seed = 0, checkpoints, evaluation, signal } = options;
  const { callbacks = {} } = options;
  const params = [...task.params];
  const optimizer = new AdamW(params, settings);
  const history: TrainingStep[] = [];
  const buffers = [...(task.buffers ?? [])];
  const run: Run = { params, buffers, optimizer, settings: { seed, accumulate }, history, best: null };
  let saved = 0;
  let isStopped = false;
  const control: TrainControl = {
    stop: () => {
      isStopped = true;
    },
  };
  const save = async (): Promise<void> => {
    if (!checkpoints || saved === optimizer.steps) return;
    await saveRun(checkpoints.folder, run);
    saved = optimizer.steps;
    await callbacks.onSave?.({ step: saved, folder: checkpoints.folder }, control);
  };
  // After the run was saved: it resumes from its last step.
  const restoreBest = async (): Promise<void> => {
    if (run.best && evaluation?.keepBest && run.best.step !== optimizer.steps) await restoreParams(params, run.best);
  };
  const isEvaluated = (step: number): boolean =>
    evaluation !== undefined && (step % evaluation.every === 0 || step === maxSteps);
  const isOver = (): boolean => isStopped || optimizer.steps >= maxSteps || hasStalled(history, evaluation?.patience);
  const evaluateAfter = async ({ step }: TrainingStep): Promise<void> => {
    const { loss, metrics = {}, ...result } = await evaluateHeldOut(evaluation!, task, signal);
    history[step - 1] = { ...history[step - 1]!, evaluation: { loss, metrics, ...result } };
    const isBest = bestStep(history) === step;
    if (isBest && evaluation!.keepBest) run.best = await copyParams(params, step);
    await callbacks.onEvaluate?.({ step, loss, metrics, isBest }, control);
  };
  try {
    signal?.throwIfAborted();
    if (checkpoints && (await loadRun(checkpoints.folder, run))) saved = optimizer.steps;
    await callbacks.onTrainBegin?.({ step: optimizer.steps, maxSteps }, control);
    // A signal during an evaluation left its step without one.
    let step = history.at(-1);
    let isPending = step !== undefined && isEvaluated(step.step) && !step.evaluation;
    while (isPending || !isOver()) {
      if (!isPending) {
        step = await oneStep(task, data, run, signal);
        history.push(step);
      }
      isPending = false;
      if (isEvaluated(step!.step)) {
        await evaluateAfter(step!);
        saved = step!.step === saved ? 0 : saved;
      }
      if (checkpoints && (step!.step % checkpoints.every === 0 || isOver())) await save();
      await callbacks.onStepEnd?.(history.at(-1)!, control);
      yield history.at(-1)!;
    }
    await save();
    await restoreBest();
    await callbacks.onTrainEnd?.({ step: optimizer.steps, bestStep: bestStep(history) });
  } catch (error) {
    if (signal?.aborted && error === signal.reason) {
      await save();
      await restoreBest();
    }
    throw error;
  } finally {
    optimizer.dispose();
  }
}

/** @throws {OptionError} for an unknown option @throws {TrainingError} for values out of range */
function checkTrainOptions(options: TrainOptions): void {
  checkOptions("train", options, OPTIONS);
  const { maxSteps, accumulate = 1, seed = 0, checkpoints, evaluation, callbacks } = options;
  checkWhole("maxSteps", maxSteps, 1);
  checkWhole("accumulate", accumulate, 1);
  checkWhole("seed", seed, 0, 2 ** 20 - 1);
  if (checkpoints) {
    checkOptions("checkpoints", checkpoints, { folder: true, every: true });
    checkWhole("checkpoints.every", checkpoints.every, 1);
    expectThat(typeof checkpoints.folder === "string", "checkpoints.folder", "a folder", checkpoints.folder);
  }
  if (evaluation) checkHeldOut(evaluation);
  if (callbacks) checkCallbacks(callbacks);
}

async function oneStep<B>(
  task: TrainingTask<B>,
  data: TrainingData<B>,
  { params, optimizer, settings: { seed, accumulate } }: Run,
  signal: AbortSignal | undefined,
): Promise<TrainingStep> {
  const start = performance.now();
  const first = optimizer.steps * accumulate;
  const batches: B[] = [];
  for (let i = 0; i < accumulate; i++) batches.push(await data.batch(first + i));
  const scale: LossScale = { numItems: sumOf(batches, (batch) => task.labels(batch)), batches: accumulate };
  if (scale.numItems === 0)
    throw new TrainingError({
      where: `step ${optimizer.steps + 1}`,
      expected: "at least one label that is not ignored",
      got: "none",
      fix: "All labels of its batches are -100, or no text has two tokens",
    });
  const sums = new StepSums(optimizer.steps + 1);
  let total: Gradients | undefined;
  try {
    for (const [i, batch] of batches.entries()) {
      await nextTurn();
      signal?.throwIfAborted();
      const randomness = new Rng(seed * 2 ** 33 + first + i);
      const { gradients, numbers } = withRng(randomness, () => backward(task, batch, scale, params));
      if (total) total.add(gradients);
      else total = gradients;
      await sums.add(numbers);
    }
    if (total!.isEmpty)
      throw new TrainingError({
        where: `step ${optimizer.steps + 1}`,
        expected: "a loss that depends on a trainable parameter",
        got: "a loss that depends on none",
        fix: "An adapter must be selected for its rows, enabled, and not merged",
      });
    const moved = await optimizer.step(total!);
    const { loss, metrics, expertLoads } = sums;
    await task.afterStep?.(expertLoads);
    return {
      step: optimizer.steps,
      loss,
      metrics,
      ...moved,
      tokens: sumOf(batches, (batch) => task.tokens(batch)),
      labels: scale.numItems,
      seconds: (performance.now() - start) / 1000,
      expertLoads,
    };
  } finally {
    total?.dispose();
  }
}

/** Computes the gradients of a batch, and the tensors to read, by kind and name. */
function backward<B>(
  task: TrainingTask<B>,
  batch: B,
  scale: LossScale,
  params: Run["params"],
): { gradients: Gradients; numbers: Map<string, Tensor> } {
  const numbers = new Map<string, Tensor>();
  const note = (kind: string, tensors: Readonly<Record<string, Tensor>> = {}): void => {
    for (const [name, tensor] of Object.entries(tensors)) numbers.set(`${kind}${name}`, keep(tensor.clone()));
  };
  try {
    const { loss, gradients } = lossAndGradients(() => {
      const { loss, metrics, expertCounts } = task.loss(batch, scale);
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
