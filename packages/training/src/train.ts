import type { CausalLM } from "@mixtape/decoder";
import { Module } from "@mixtape/layers";
import { dispose, keep, type Scalar } from "@tensorflow/tfjs-core";
import { AdamW, type AdamWOptions } from "./adam-w.js";
import type { TrainingBatch, TrainingData } from "./batch.js";
import { CausalTrainee } from "./causal-trainee.js";
import { TrainingError } from "./errors.js";
import { type Gradients, lossAndGradients } from "./gradients.js";
import type { ExpertLoad, Share, Trainee } from "./trainee.js";

/** How a run goes. */
export interface TrainOptions {
  /** How many steps the run has in all, those before it was resumed included. */
  readonly maxSteps: number;
  readonly optimizer: AdamWOptions;
  /** How many batches make up a step. Default 1. */
  readonly accumulate?: number;
  /** What dropout and jitter are drawn from. Same seed, same run. Default 0. */
  readonly seed?: number;
  /** Stops the run between two batches: the iteration throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a step did. */
export interface TrainingStep {
  /** From 1. */
  readonly step: number;
  /** In nats per label, auxiliary losses included. */
  readonly loss: number;
  /** What the trainee says that it consists of. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The length of all gradients before they were shortened. */
  readonly gradNorm: number;
  /** That of each parameter group with a `maxGradNorm` of its own. */
  readonly gradNorms: Readonly<Record<string, number>>;
  readonly learningRate: number;
  /** Tokens of its batches, padding not counted. */
  readonly tokens: number;
  /** Labels that counted. */
  readonly labels: number;
  /** How long it took. */
  readonly seconds: number;
  /** How many tokens each expert was given; empty where the trainee does not tell. */
  readonly expertLoads: readonly ExpertLoad[];
}

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
 * @throws {TrainingError} where nothing trains, a step has no labels, or a loss or a gradient is not finite: then the
 *   parameters are as the step before left them
 */
export async function* train<B = TrainingBatch>(
  what: Trainee<B> | (B extends TrainingBatch ? CausalLM : never),
  data: TrainingData<B>,
  { maxSteps, optimizer: settings, accumulate = 1, seed = 0, signal }: TrainOptions,
): AsyncGenerator<TrainingStep, void, undefined> {
  checkCount("maxSteps", maxSteps);
  checkCount("accumulate", accumulate);
  const trainee = what instanceof Module ? (new CausalTrainee(what) as unknown as Trainee<B>) : (what as Trainee<B>);
  const optimizer = new AdamW(trainee.params, settings);
  try {
    while (optimizer.steps < maxSteps) yield await oneStep(trainee, data, optimizer, accumulate, seed, signal);
  } finally {
    optimizer.dispose();
  }
}

async function oneStep<B>(
  trainee: Trainee<B>,
  data: TrainingData<B>,
  optimizer: AdamW,
  accumulate: number,
  _seed: number,
  signal: AbortSignal | undefined,
): Promise<TrainingStep> {
  const start = performance.now();
  const step = optimizer.steps + 1;
  const batches: B[] = [];
  for (let i = 0; i < accumulate; i++) batches.push(await data.batch((step - 1) * accumulate + i));
  const share: Share = { numItems: sumOf(batches, (batch) => trainee.labels(batch)), batches: accumulate };
  if (share.numItems === 0)
    throw new TrainingError({
      where: `step ${step}`,
      expected: "at least one label that counts",
      got: "none",
      fix: "All labels of its batches are -100, or no text has two tokens",
    });
  const sums = new Sums();
  let total: Gradients | undefined;
  try {
    for (const batch of batches) {
      await nextTurn();
      signal?.throwIfAborted();
      const { gradients, metrics } = backward(trainee, batch, share);
      if (total) total.add(gradients);
      else total = gradients;
      await sums.add(metrics, step);
    }
    const moved = await optimizer.step(total!);
    await trainee.afterStep?.([]);
    const { loss = NaN, ...metrics } = sums.values;
    return {
      step,
      loss,
      metrics,
      ...moved,
      tokens: sumOf(batches, (batch) => trainee.tokens(batch)),
      labels: share.numItems,
      seconds: (performance.now() - start) / 1000,
      expertLoads: [],
    };
  } finally {
    total?.dispose();
  }
}

/** The gradients of a batch, and what is to be read of it. */
function backward<B>(
  trainee: Trainee<B>,
  batch: B,
  share: Share,
): { gradients: Gradients; metrics: Map<string, Scalar> } {
  const metrics = new Map<string, Scalar>();
  try {
    const { loss, gradients } = lossAndGradients(() => {
      const { loss, metrics: parts = {} } = trainee.loss(batch, share);
      for (const [name, part] of Object.entries(parts)) metrics.set(name, keep(part.clone()));
      return loss;
    }, trainee.params);
    metrics.set("loss", loss);
    return { gradients, metrics };
  } catch (error) {
    dispose([...metrics.values()]);
    throw error;
  }
}

/** Metrics, added up over the batches of a step. */
class Sums {
  readonly #sums = new Map<string, number>();

  /** Reads metrics and frees them. @throws {TrainingError} where the loss is not finite. */
  async add(metrics: Map<string, Scalar>, step: number): Promise<void> {
    for (const [name, scalar] of metrics) {
      const [value] = await scalar.data();
      scalar.dispose();
      this.#sums.set(name, (this.#sums.get(name) ?? 0) + value!);
    }
    const { loss } = this.values;
    if (!Number.isFinite(loss))
      throw new TrainingError({
        where: `the loss of step ${step}`,
        expected: "a finite number",
        got: `${loss}`,
        fix: "The learning rate may be too high; the parameters are as the step before left them",
      });
  }

  get values(): Record<string, number> {
    return Object.fromEntries(this.#sums);
  }
}

/** Lets timers, input and the network have their turn. */
function nextTurn(): Promise<void> {
  const { setImmediate } = globalThis as { setImmediate?: (f: () => void) => void };
  return new Promise((resolve) => (setImmediate ? setImmediate(resolve) : setTimeout(resolve)));
}

function sumOf<T>(items: readonly T[], f: (item: T) => number): number {
  return items.reduce((sum, item) => sum + f(item), 0);
}

function checkCount(where: string, count: number): void {
  if (!(Number.isInteger(count) && count >= 1))
    throw new TrainingError({ where, expected: "a whole number of at least 1", got: `${count}` });
}
