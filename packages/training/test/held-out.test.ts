/** Evaluation during a run, the best parameters, early stopping and callbacks. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeWeight } from "@mixtape/ops";

import { openCheckpoint } from "@mixtape/safetensors";
import { memory, setBackend } from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  bestStep,
  CausalLMTask,
  dataLoader,
  type EvaluateEvent,
  evaluate,
  type HeldOutOptions,
  TrainingError,
  type TrainingStep,
  type TrainingTask,
  type TrainOptions,
  toReport,
  train,
} from "../src/index.js";
import { smallModel } from "./support/small-model.js";

let scratch: string;
beforeAll(async () => {
  await setBackend("cpu");
  scratch = await mkdtemp(join(tmpdir(), "mixtape-held-out-"));
});
afterAll(() => rm(scratch, { recursive: true }));

const texts = dataLoader([{ inputIds: [1, 2, 3, 4, 5] }, { inputIds: [6, 7, 8, 9, 10] }], { batchSize: 2 });
const heldOut = dataLoader([{ inputIds: [1, 2, 3, 9, 5] }, { inputIds: [2, 3, 4, 11] }], { batchSize: 1, seed: null });

const options = (evaluation: Partial<HeldOutOptions>, more: Partial<TrainOptions> = {}): TrainOptions => ({
  maxSteps: 12,
  optimizer: { learningRate: 0.05 },
  evaluation: { data: heldOut, every: 3, ...evaluation },
  ...more,
});

type Model = Awaited<ReturnType<typeof smallModel>>;

async function collect(model: Model | TrainingTask, given: TrainOptions): Promise<TrainingStep[]> {
  const steps: TrainingStep[] = [];
  for await (const step of train(model as Model, texts, given)) steps.push(step);
  return steps;
}

async function weightsOf(model: Model): Promise<Float32Array[]> {
  const weights: Float32Array[] = [];
  for (const [, { weight }] of model.namedParameters())
    weights.push(new Float32Array((await encodeWeight(weight, "F32")).slice().buffer));
  return weights;
}

const evaluationsOf = (steps: readonly TrainingStep[]): Record<number, number> =>
  Object.fromEntries(steps.flatMap(({ step, evaluation }) => (evaluation ? [[step, evaluation.loss]] : [])));

/** Held-out losses as a script says, step after step. */
const scripted = (losses: readonly number[]): HeldOutOptions["data"] => {
  let at = 0;
  return () => ({ loss: losses[at++ % losses.length]! });
};

describe("held-out losses", () => {
  test("are those of evaluate() at these steps, and change nothing of the run", async () => {
    const [a, b] = [await smallModel(), await smallModel()];
    const expected: Record<number, number> = {};
    const plain: TrainingStep[] = [];
    for await (const step of train(a, texts, { maxSteps: 8, optimizer: { learningRate: 0.05 } })) {
      plain.push(step);
      if (step.step % 3 === 0 || step.step === 8) expected[step.step] = (await evaluate(a, heldOut)).loss;
    }
    const steps = await collect(b, options({}, { maxSteps: 8 }));
    expect(evaluationsOf(steps)).toEqual(expected);
    expect(steps.map(({ loss }) => loss)).toEqual(plain.map(({ loss }) => loss));
    expect(toReport(steps)).toContain("Held-out loss");
    expect(toReport(plain)).not.toContain("Held-out loss");
    a.dispose();
    b.dispose();
  });

  test("of what is no causal language model come from a function", async () => {
    const model = await smallModel();
    const inner = new CausalLMTask(model);
    const task: TrainingTask = {
      params: inner.params,
      labels: (batch) => inner.labels(batch),
      tokens: (batch) => inner.tokens(batch),
      loss: (batch, share) => inner.loss(batch, share),
    };
    await expect(collect(task, options({}))).rejects.toThrow(TrainingError);
    const steps = await collect(task, options({ data: () => ({ loss: 2, metrics: { accuracy: 0.5 } }) }));
    expect(steps[2]!.evaluation).toEqual({ loss: 2, metrics: { accuracy: 0.5 } });
    model.dispose();
  });

  test.each([
    [{ every: 0 }, "evaluation.every: expected a whole number of at least 1, got 0"],
    [{ patience: 1.5 }, "evaluation.patience: expected a whole number of at least 1, got 1.5"],
    [{ data: 5 }, "evaluation.data: expected batches, as dataLoader makes them, or a function that returns the loss"],
    [{ data: () => 3 }, "evaluation.data: expected a loss, a number, got undefined"],
    [{ keepbest: true }, "Did you mean keepBest?"],
  ])("%j is refused", async (wrong, message) => {
    const model = await smallModel();
    await expect(collect(model, options(wrong as Partial<HeldOutOptions>))).rejects.toThrow(message);
    model.dispose();
  });
});

describe("the best parameters", () => {
  test("come back at the end, and nothing is left behind", async () => {
    const model = await smallModel();
    const at: Record<number, Float32Array[]> = {};
    const before = memory().numTensors;
    const data = scripted([3, 1, 2, Number.NaN]);
    for await (const { step } of train(model, texts, options({ data, keepBest: true })))
      at[step] = await weightsOf(model);
    expect(await weightsOf(model)).toEqual(at[6]);
    expect(at[12]).not.toEqual(at[6]);
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });

  test("stay the last where nobody asked for the best", async () => {
    const model = await smallModel();
    let last: Float32Array[] = [];
    const data = scripted([1, 2, 3, 4]);
    for await (const _ of train(model, texts, options({ data }))) last = await weightsOf(model);
    expect(await weightsOf(model)).toEqual(last);
    model.dispose();
  });

  test("of a run in parts are those of the whole run, and a longer run goes on from its last step", async () => {
    const folder = join(scratch, "parts");
    const first = await smallModel();
    await collect(first, { maxSteps: 6, optimizer: { learningRate: 0.05 } });
    const target = (await evaluate(first, texts)).loss;
    first.dispose();
    // A function of the parameters, with its lowest value at step 6.
    const data = (model: Model) => async () => ({ loss: Math.abs((await evaluate(model, texts)).loss - target) });
    const go = async (maxSteps: number, checkpoints?: TrainOptions["checkpoints"]) => {
      const model = await smallModel();
      const given = options({ data: data(model), keepBest: true, every: 2 }, { maxSteps, checkpoints });
      const steps = await collect(model, given);
      const weights = await weightsOf(model);
      model.dispose();
      return { steps, weights };
    };
    const whole = await go(12);
    expect(bestStep(whole.steps)).toBe(6);
    const parts = [await go(7, { folder, every: 5 }), await go(12, { folder, every: 5 })];
    expect(parts[1]!.weights).toEqual(whole.weights);
    expect(parts.flatMap(({ steps }) => steps.map(({ loss }) => loss))).toEqual(whole.steps.map(({ loss }) => loss));
    const checkpoint = await openCheckpoint(folder);
    expect(checkpoint.names.filter((name) => name.startsWith("best."))).toHaveLength(whole.weights.length);
    await checkpoint.close();
    // A run that is over gives the same again.
    expect(await go(12, { folder, every: 5 })).toEqual({ steps: [], weights: whole.weights });
  });

  test("come back where a signal stops the run, which goes on from its last step", async () => {
    const folder = join(scratch, "best-signal");
    const go = async (stopAfter?: number) => {
      const model = await smallModel();
      const at: Record<number, Float32Array[]> = {};
      const controller = new AbortController();
      const data = scripted([3, 1, 2, 4]);
      const more = { checkpoints: { folder, every: 100 }, signal: controller.signal };
      try {
        for await (const { step } of train(model, texts, options({ data, keepBest: true }, more))) {
          at[step] = await weightsOf(model);
          if (step === stopAfter) controller.abort(new Error("enough"));
        }
      } catch (error) {
        expect(error).toBe(controller.signal.reason);
      }
      const weights = await weightsOf(model);
      model.dispose();
      return { at, weights };
    };
    const stopped = await go(8);
    expect(stopped.weights).toEqual(stopped.at[6]);
    expect(stopped.weights).not.toEqual(stopped.at[8]);
    const whole = await smallModel();
    const plain: Record<number, Float32Array[]> = {};
    for await (const { step } of train(whole, texts, { maxSteps: 12, optimizer: { learningRate: 0.05 } }))
      plain[step] = await weightsOf(whole);
    whole.dispose();
    const gone = await go();
    expect(Object.keys(gone.at)).toEqual(["9", "10", "11", "12"]);
    expect(gone.at[12]).toEqual(plain[12]);
    // The losses 3, 1 before the stop; the best of all stays that of step 6.
    expect(gone.weights).toEqual(stopped.at[6]);
  });

  test("a signal during an evaluation stops the run; the evaluation is made when it goes on", async () => {
    const folder = join(scratch, "signal");
    const controller = new AbortController();
    const model = await smallModel();
    let isFirst = true;
    const data = (signal?: AbortSignal) => {
      if (isFirst) controller.abort(new Error("enough"));
      isFirst = false;
      signal?.throwIfAborted();
      return { loss: 5 };
    };
    const given = options({ data }, { checkpoints: { folder, every: 100 }, signal: controller.signal });
    const seen: number[] = [];
    const stopped = async () => {
      for await (const { step } of train(model, texts, given)) seen.push(step);
    };
    await expect(stopped()).rejects.toThrow("enough");
    expect(seen).toEqual([1, 2]);
    const steps = await collect(model, { ...given, signal: undefined });
    expect(steps.map(({ step }) => step)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(evaluationsOf(steps)).toEqual({ 3: 5, 6: 5, 9: 5, 12: 5 });
    model.dispose();
  });
});

test("a run ends where the held-out loss has not fallen for long enough, and stays ended", async () => {
  const folder = join(scratch, "patience");
  const model = await smallModel();
  const data = scripted([3, 2, 2, 2.5, 1]);
  const given = options({ data, every: 1, patience: 2, keepBest: true }, { checkpoints: { folder, every: 50 } });
  const steps = await collect(model, given);
  expect(steps.map(({ evaluation }) => evaluation!.loss)).toEqual([3, 2, 2, 2.5]);
  expect(await collect(model, given)).toEqual([]);
  model.dispose();
});

describe("callbacks", () => {
  test("are called in order, and waited for", async () => {
    const folder = join(scratch, "callbacks");
    const model = await smallModel();
    const events: string[] = [];
    const later = async (event: string): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      events.push(event);
    };
    const evaluations: EvaluateEvent[] = [];
    const callbacks: TrainOptions["callbacks"] = {
      onTrainBegin: ({ step, maxSteps }) => later(`begin ${step} of ${maxSteps}`),
      onStepEnd: ({ step }) => later(`step ${step}`),
      onEvaluate: (event) => {
        evaluations.push(event);
        return later(`evaluate ${event.step}`);
      },
      onSave: ({ step, folder }) => later(`save ${step} ${folder}`),
      onTrainEnd: ({ step, bestStep }) => later(`end ${step}, best ${bestStep}`),
    };
    const data = scripted([2, 1, 1]);
    const checkpoints = { folder, every: 4 };
    for await (const { step } of train(
      model,
      texts,
      options({ data, every: 2 }, { maxSteps: 5, checkpoints, callbacks }),
    ))
      events.push(`yield ${step}`);
    expect(events).toEqual([
      ...["begin 0 of 5", "step 1", "yield 1", "evaluate 2", "step 2", "yield 2", "step 3", "yield 3", "evaluate 4"],
      ...[`save 4 ${folder}`, "step 4", "yield 4", "evaluate 5", `save 5 ${folder}`, "step 5", "yield 5"],
      "end 5, best 4",
    ]);
    expect(evaluations.map(({ loss, isBest }) => [loss, isBest])).toEqual([
      [2, true],
      [1, true],
      [1, false],
    ]);
    model.dispose();
  });

  test("can stop the run, which is saved then, or fail it", async () => {
    const folder = join(scratch, "stop");
    const model = await smallModel();
    const stop = options(
      {},
      {
        checkpoints: { folder, every: 100 },
        callbacks: { onStepEnd: ({ step }, control) => (step === 4 ? control.stop() : undefined) },
      },
    );
    expect(await collect(model, stop)).toHaveLength(4);
    expect(await collect(model, { ...stop, callbacks: undefined })).toHaveLength(8);
    const fail = options(
      {},
      {
        callbacks: {
          onStepEnd: () => {
            throw new Error("from a callback");
          },
        },
      },
    );
    await expect(collect(model, fail)).rejects.toThrow("from a callback");
    await expect(collect(model, options({}, { callbacks: { onStep: () => {} } as never }))).rejects.toThrow(
      "Did you mean onStepEnd?",
    );
    model.dispose();
  });
});
