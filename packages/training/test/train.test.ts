/** Runs from start to end. */

import { OptionError } from "@mixtape/errors";
import { MixtralForCausalLM } from "@mixtape/mixtral";
import { dropout } from "@mixtape/ops";
import { fixture, onEachEngine, readGolden, withoutLeak } from "@mixtape/testing";
import { mul, type Scalar, scalar, sum } from "@tensorflow/tfjs-core";
import { describe, expect, expectTypeOf, test } from "vitest";
import {
  AdamW,
  CausalLMTask,
  constantSchedule,
  cosineSchedule,
  type DataLoaderOptions,
  type Decay,
  dataLoader,
  linearSchedule,
  lossAndGradients,
  type TrainingBatch,
  type TrainingData,
  TrainingError,
  type TrainingStep,
  type TrainingTask,
  type TrainOptions,
  train,
  trainableParams,
  unfreeze,
} from "../src/index.js";
import { smallModel } from "./support/small-model.js";

const FOLDER = fixture("models/mixtral/basic");

const rows: TrainingBatch = {
  inputIds: [
    [1, 2, 3, 4, 5],
    [6, 7, 8, 9, 10],
  ],
  labels: [
    [1, 2, 3, 4, 5],
    [6, 7, -100, -100, 10],
  ],
};

const options = (more: Partial<TrainOptions> = {}): TrainOptions => ({
  maxSteps: 3,
  optimizer: { learningRate: 0.01 },
  ...more,
});

async function collect(run: AsyncIterable<TrainingStep>): Promise<TrainingStep[]> {
  const steps: TrainingStep[] = [];
  for await (const step of run) steps.push(step);
  return steps;
}

onEachEngine(() => {
  test("a tiny model learns a batch, and leaves nothing behind", async () => {
    const { inputs } = await readGolden(FOLDER);
    const data = { batch: () => inputs };
    await withoutLeak(async () => {
      const model = await MixtralForCausalLM.fromPretrained(FOLDER);
      unfreeze(model);
      const steps = await collect(train(model, data, { maxSteps: 10, optimizer: { learningRate: 0.01 } }));
      expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      expect(steps[9]!.loss).toBeLessThan(steps[0]!.loss / 2);
      const { metrics, labels, tokens, expertLoads } = steps[0]!;
      expect(metrics.lmLoss! + 0.02 * metrics.auxLoss!).toBeCloseTo(steps[0]!.loss, 5);
      expect([labels, tokens]).toEqual([
        inputs.labels.flatMap((row) => row.slice(1)).filter((label) => label !== -100).length,
        inputs.inputIds.flat().length,
      ]);
      expect(expertLoads.map(({ counts }) => counts.reduce((a, b) => a + b))).toEqual(
        expertLoads.map(() => tokens * 2),
      );
      model.dispose();
    });
  });

  test("a batch in two halves gives the same step as the whole, whatever labels each has", async () => {
    const halves = rows.inputIds.map((ids, i) => ({ inputIds: [ids], labels: [rows.labels[i]!] }));
    const run = async (accumulate: number): Promise<TrainingStep[]> => {
      const model = await smallModel();
      // The load of experts is a matter of the whole batch.
      const task = new CausalLMTask(model, { auxLossCoef: 0 });
      const data = { batch: (index: number) => (accumulate === 1 ? rows : halves[index % 2]!) };
      const steps = await collect(train(task, data, options({ accumulate })));
      model.dispose();
      return steps;
    };
    const [whole, parts] = [await run(1), await run(2)];
    for (const [i, { loss, gradNorm, tokens, labels, expertLoads }] of parts.entries()) {
      expect(loss).toBeCloseTo(whole[i]!.loss, 4);
      expect(gradNorm).toBeCloseTo(whole[i]!.gradNorm, 3);
      expect({ tokens, labels, expertLoads }).toEqual({
        tokens: whole[i]!.tokens,
        labels: whole[i]!.labels,
        expertLoads: whole[i]!.expertLoads,
      });
    }
  });

  test("the seed decides what jitter draws; with gradient checkpointing it draws the same", async () => {
    const run = async (seed: number, gradientCheckpointing: boolean): Promise<number[]> => {
      const model = await smallModel({ routerJitterNoise: 0.3 });
      const task = new CausalLMTask(model, { gradientCheckpointing });
      const steps = await collect(train(task, { batch: () => rows }, options({ seed })));
      model.dispose();
      return steps.map(({ loss }) => loss);
    };
    const first = await run(1, false);
    expect(await run(1, false)).toEqual(first);
    expect(await run(2, false)).not.toEqual(first);
    for (const [i, loss] of (await run(1, true)).entries()) expect(loss).toBeCloseTo(first[i]!, 5);
  });

  test("frozen parameters stay, to the bit", async () => {
    const model = await smallModel();
    for (const [name, param] of model.namedParameters()) if (!name.includes("norm")) param.freeze();
    const frozen = [...model.namedParameters()].filter(([, param]) => !param.isTrainable);
    const before = frozen.map(([, { weight }]) => weight);
    expect(trainableParams(model).length).toBe(3);
    await collect(train(model, { batch: () => rows }, options()));
    expect(frozen.map(([, { weight }]) => weight)).toEqual(before);
    model.dispose();
  });
});

describe("a task of one's own", () => {
  test("has batches of its own kind, and the data gives that kind", () => {
    type Numbers = TrainingTask<number>;
    expectTypeOf(train<number>).toBeCallableWith({} as Numbers, { batch: (index: number) => index }, options());
    // What takes any number takes a whole one; what takes texts takes no number, and no batch of rows.
    expectTypeOf<TrainingTask<unknown>>().toExtend<Numbers>();
    expectTypeOf<Numbers>().not.toExtend<TrainingTask<unknown>>();
    expectTypeOf<TrainingTask<string>>().not.toExtend<Numbers>();
    expectTypeOf<Numbers>().not.toExtend<TrainingTask>();
    expectTypeOf<CausalLMTask>().toExtend<TrainingTask>();
    expectTypeOf<TrainingData<1 | 2>>().toExtend<TrainingData<number>>();
    expectTypeOf<TrainingData<number>>().not.toExtend<TrainingData>();
    // @ts-expect-error: the data gives texts
    void (() => train({} as Numbers, { batch: () => "text" }, options()));
    // @ts-expect-error: a model takes rows
    void (() => train({} as MixtralForCausalLM, { batch: () => 1 }, options()));
  });

  test("says what its loss is; dropout is on, and what it says is in the metrics", async () => {
    const model = await smallModel();
    const [name, param] = trainableParams(model)[0]!;
    const task: TrainingTask<number> = {
      params: [[name, param]],
      labels: () => 1,
      tokens: () => 7,
      loss: (batch) => {
        const loss = mul(sum(dropout(param.weight.parts[0]!, 0.5)), batch) as Scalar;
        return { loss, metrics: { twice: mul(loss, 2) } };
      },
    };
    const steps = await collect(train(task, { batch: (index) => index }, options({ maxSteps: 2, accumulate: 2 })));
    expect(steps.map(({ tokens }) => tokens)).toEqual([14, 14]);
    for (const { loss, metrics } of steps) expect(metrics.twice).toBeCloseTo(2 * loss, 4);
    model.dispose();
  });
});

test("an option that is not known is refused: of a run, its optimiser, a group, checkpoints, a task, batches, schedules", async () => {
  const model = await smallModel();
  const running = (more: object) => collect(train(model, { batch: () => rows }, { ...options(), ...more }));
  const group = { match: () => true, lr: 1 };
  for (const [more, message] of [
    [
      { steps: 3 },
      "train: expected options among maxSteps, optimizer, accumulate, seed, checkpoints, evaluation, callbacks, signal, got steps. Did you mean maxSteps?",
    ],
    [{ optimizer: { learningRate: 1, weight_decay: 0 } }, "got weight_decay. Did you mean weightDecay?"],
    [
      { optimizer: { learningRate: 1, groups: [group] } },
      "the parameter group 0: expected options among learningRate,",
    ],
    [{ checkpoints: { folder: "run", evry: 3 } }, "checkpoints: expected options among folder, every, got evry."],
  ] as const) {
    await expect(running(more)).rejects.toThrow(OptionError);
    await expect(running(more)).rejects.toThrow(message);
  }
  expect(() => new CausalLMTask(model, { auxlosscoef: 1 } as object)).toThrow("Did you mean auxLossCoef?");
  expect(() => dataLoader([], { batchSize: 1, maxlength: 3 } as DataLoaderOptions)).toThrow("Did you mean maxLength?");
  for (const schedule of [constantSchedule, linearSchedule, cosineSchedule])
    expect(() => schedule({ totalSteps: 1, warmup: 1 } as Decay)).toThrow("Did you mean warmupSteps?");
  model.dispose();
});

describe("what cannot be trained is refused, and nothing is left", () => {
  const refuses = async (more: Partial<TrainOptions>, message: string, batch: TrainingBatch = rows): Promise<void> => {
    const model = await smallModel();
    await withoutLeak(async () => {
      const run = collect(train(model, { batch: () => batch }, options(more)));
      await expect(run).rejects.toThrow(message);
      await expect(run).rejects.toBeInstanceOf(Error);
    });
    model.dispose();
  };

  test("labels that are all ignored", async () => {
    const ignored = { inputIds: [[1, 2]], labels: [[2, -100]] };
    await refuses({}, "step 1: expected at least one label that is not ignored, got none", ignored);
  });

  test("options out of range", async () => {
    await refuses({ maxSteps: 0 }, "maxSteps: expected a whole number of at least 1, got 0");
    await refuses({ accumulate: 1.5 }, "accumulate: expected a whole number of at least 1, got 1.5");
    await refuses({ seed: -1 }, "seed: expected a whole number from 0 to 1048575, got -1");
    await refuses({ checkpoints: { folder: "x", every: 0 } }, "checkpoints.every: expected a whole number");
    await refuses({ signal: AbortSignal.abort(new Error("no")) }, "no");
  });

  test("a model of which nothing trains, and names that match nothing", async () => {
    const model = await smallModel();
    for (const [, param] of model.namedParameters()) param.freeze();
    await expect(collect(train(model, { batch: () => rows }, options()))).rejects.toThrow(TrainingError);
    expect(() => unfreeze(model, () => false)).toThrow("unfreeze: expected a name that matches a parameter, got none");
    model.dispose();
  });

  test("a loss that depends on nothing that trains, such as that of an adapter that is not selected", async () => {
    const model = await smallModel();
    const task = { params: unfreeze(model), labels: () => 1, tokens: () => 1, loss: () => ({ loss: scalar(1) }) };
    await expect(collect(train(task, { batch: () => rows }, options()))).rejects.toThrow(
      "step 1: expected a loss that depends on a trainable parameter, got a loss that depends on none",
    );
    model.dispose();
  });

  test("ids outside the vocabulary: the parameters are as they were", async () => {
    await refuses({}, "inputIds[0][1]: expected a token id from 0 to 11, got 12", {
      inputIds: [[1, 12]],
      labels: [[1, 2]],
    });
  });

  test("breaking out of the loop frees what the run has", async () => {
    const model = await smallModel();
    await withoutLeak(async () => {
      for await (const { step } of train(model, { batch: () => rows }, options({ maxSteps: 50 })))
        if (step === 2) break;
    });
    const params = trainableParams(model);
    const optimizer = new AdamW(params, { learningRate: 0.1 });
    const { loss, gradients } = lossAndGradients(() => sum(params[0]![1].weight.parts[0]!) as Scalar, params);
    expect(optimizer.steps).toBe(0);
    loss.dispose();
    gradients.dispose();
    optimizer.dispose();
    model.dispose();
  });
});
