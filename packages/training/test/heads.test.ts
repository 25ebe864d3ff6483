/** Training of models with heads. Gradients are tested with the families, against transformers. */

import { join } from "node:path";
import {
  MixtralForQuestionAnswering,
  MixtralForSequenceClassification,
  MixtralForTokenClassification,
} from "@mixtape/mixtral";
import { Rng, withRng } from "@mixtape/ops";
import { applyAdapter } from "@mixtape/peft";
import { fixture, onEachEngine, readHeadGolden, testEngines, withoutCpu, withoutLeak } from "@mixtape/testing";
import { dispose } from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import {
  ClassScores,
  FlagScores,
  QuestionAnsweringTask,
  questionBatches,
  type SequenceBatch,
  SequenceClassificationTask,
  sequenceBatches,
  TokenClassificationTask,
  TrainingError,
  tokenBatches,
  train,
  trainableParams,
  unfreeze,
} from "../src/index.js";

const folder = (name: string) => fixture(`heads/mixtral/${name}`);

onEachEngine(() => {
  describe("the loss of a batch is the reference's, and that of its rows one by one adds up to it", () => {
    test.each(["sequence-single-label", "sequence-regression", "sequence-regression-several", "sequence-multi-label"])(
      "%s",
      async (name) => {
        const { inputs, outputs } = await readHeadGolden(folder(name));
        const model = await MixtralForSequenceClassification.fromPretrained(folder(name));
        const task = new SequenceClassificationTask(model);
        await sameLoss(task, { ...inputs, labels: inputs.labels! }, outputs.get("loss")!.values[0]!);
        model.dispose();
      },
    );

    test("tokens, without dropout", async () => {
      const { inputs, outputs } = await readHeadGolden(folder("tokens"));
      const model = await MixtralForTokenClassification.fromPretrained(folder("tokens"));
      const task = new TokenClassificationTask(model);
      const labels = inputs.labels as number[][];
      await sameLoss(task, { ...inputs, labels }, outputs.get("loss")!.values[0]!);
      model.dispose();
    });

    test("questions", async () => {
      const { inputs } = await readHeadGolden(folder("questions"));
      const model = await MixtralForQuestionAnswering.fromPretrained(folder("questions"));
      const batch = { ...inputs, startPositions: [2, 1, 0], endPositions: [5, 3, 2] };
      const { loss, ...output } = model.forward(batch);
      const [expected] = await loss!.data();
      dispose([loss!, ...Object.values(output)] as never);
      await sameLoss(new QuestionAnsweringTask(model), batch, expected!);
      model.dispose();
    });
  });

  test("a sequence classifier learns, in full and by LoRA with its head, and leaves nothing behind", async () => {
    const { inputs } = await readHeadGolden(folder("sequence-single-label"));
    const examples = inputs.inputIds.map((inputIds, i) => ({ inputIds, label: (inputs.labels as number[])[i]! }));
    const data = sequenceBatches(examples, { batchSize: 2, padId: 3 });
    for (const isLora of [false, true])
      await withoutLeak(async () => {
        const model = await MixtralForSequenceClassification.fromPretrained(folder("sequence-single-label"));
        const adapter = isLora ? await applyAdapter(model, { method: "lora", targetModules: "all-linear" }) : null;
        if (!adapter) unfreeze(model);
        const task = new SequenceClassificationTask(model, adapter ? { params: adapter.trainableParams() } : {});
        if (adapter) expect(task.params.map(([name]) => name)).toContain("default.score.weight");
        const before = await task.evaluate(data);
        const steps = [];
        for await (const step of train(task, data, { maxSteps: 30, optimizer: { learningRate: 0.02 } }))
          steps.push(step);
        const after = await task.evaluate(data);
        expect(before.labels).toBe(3);
        expect(after.loss).toBeLessThan(before.loss / 4);
        expect(after.metrics).toEqual({ accuracy: 1, f1: 1 });
        expect(Object.keys(steps[0]!.metrics)).toEqual(["headLoss", "auxLoss", "zLoss"]);
        // As in transformers, routers add nothing unless they are asked to.
        expect(steps[0]!.loss).toBeCloseTo(steps[0]!.metrics.headLoss!, 6);
        expect(steps[0]!.expertLoads).toHaveLength(2);
        model.dispose();
      });
  });

  test("a token classifier and a question answerer learn", async () => {
    const { inputs } = await readHeadGolden(folder("tokens"));
    const tagger = await MixtralForTokenClassification.fromPretrained(folder("tokens"));
    unfreeze(tagger);
    const labels = inputs.labels as number[][];
    const words = tokenBatches(
      inputs.inputIds.map((inputIds, i) => ({ inputIds, labels: labels[i]! })),
      { batchSize: 3, padId: 3 },
    );
    const tags = new TokenClassificationTask(tagger);
    const first = await tags.evaluate(words);
    for await (const { loss } of train(tags, words, { maxSteps: 60, optimizer: { learningRate: 0.02 } }))
      expect(loss).toBeGreaterThan(0);
    const last = await tags.evaluate(words);
    expect(last.loss).toBeLessThan(first.loss / 2);
    expect(last.metrics.accuracy).toBeGreaterThan(first.metrics.accuracy!);
    tagger.dispose();

    const answerer = await MixtralForQuestionAnswering.fromPretrained(folder("questions"));
    unfreeze(answerer);
    const questions = questionBatches(
      [
        { inputIds: [4, 5, 6, 7, 8], start: 2, end: 3 },
        { inputIds: [9, 10, 11], start: 1, end: 1 },
      ],
      { batchSize: 2, padId: 3 },
    );
    const task = new QuestionAnsweringTask(answerer);
    for await (const _ of train(task, questions, { maxSteps: 60, optimizer: { learningRate: 0.02 } }));
    expect(await task.evaluate(questions)).toMatchObject({ metrics: { exactMatch: 1 }, labels: 2 });
    answerer.dispose();
  });

  test("dropout of a token classifier is on in training and off in evaluation", async () => {
    const { inputs } = await readHeadGolden(folder("tokens"));
    const model = await MixtralForTokenClassification.fromPretrained(folder("tokens"), {
      config: { classifierDropout: 0.5 },
    });
    const task = new TokenClassificationTask(model);
    const batch = { ...inputs, labels: inputs.labels as number[][] };
    const lossOf = () => {
      const { loss, metrics, expertCounts } = task.loss(batch, { numItems: task.labels(batch), batches: 1 });
      const [value] = loss.dataSync();
      dispose([loss, metrics!, expertCounts!] as never);
      return value;
    };
    const plain = lossOf();
    expect(lossOf()).toBe(plain);
    expect(withRng(new Rng(1), lossOf)).not.toBe(plain);
    model.dispose();
  });
}, withoutCpu(testEngines()));

describe("scores, as scikit-learn defines them", () => {
  test("accuracy and macro F1 of classes", () => {
    const scores = new ClassScores();
    // f1_score([0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1], average="macro") is 0.26666… in scikit-learn's documentation.
    for (const [label, predicted] of [
      [0, 0],
      [1, 2],
      [2, 1],
      [0, 0],
      [1, 0],
      [2, 1],
    ] as const)
      scores.add(predicted, label);
    expect(scores.metrics().f1).toBeCloseTo(0.26666666, 6);
    expect(scores.metrics().accuracy).toBeCloseTo(2 / 6, 6);
  });

  test("of flags", () => {
    const scores = new FlagScores(3);
    // f1_score([[0, 0, 0], [1, 1, 1], [0, 1, 1]], [[0, 0, 0], [1, 1, 1], [1, 1, 0]], average=None) is [0.666, 1, 0.666] there.
    const flags = (row: readonly number[]) => row.map((flag) => flag === 1);
    scores.add(flags([0, 0, 0]), flags([0, 0, 0]));
    scores.add(flags([1, 1, 1]), flags([1, 1, 1]));
    scores.add(flags([1, 1, 0]), flags([0, 1, 1]));
    expect(scores.metrics().f1).toBeCloseTo((2 / 3 + 1 + 2 / 3) / 3, 6);
    expect(scores.metrics().accuracy).toBeCloseTo(2 / 3, 6);
  });
});

describe("batches", () => {
  test("are padded on the right, and shuffled anew in each epoch", () => {
    const examples = [5, 2, 3, 1].map((length, label) => ({ inputIds: Array<number>(length).fill(label + 4), label }));
    const data = sequenceBatches(examples, { batchSize: 3, padId: 9, seed: null });
    expect(data.batchesPerEpoch).toBe(2);
    expect(data.batch(0)).toEqual({
      inputIds: [
        [4, 4, 4, 4, 4],
        [5, 5, 9, 9, 9],
        [6, 6, 6, 9, 9],
      ],
      attentionMask: [
        [1, 1, 1, 1, 1],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
      ],
      labels: [0, 1, 2],
    });
    expect(data.batch(1)).toEqual({ inputIds: [[7]], labels: [3] });
    const mixed = sequenceBatches(examples, { batchSize: 4, padId: 9, seed: 1 });
    const labelsOf = (index: number) => (mixed.batch(index) as SequenceBatch).labels.join();
    const orders = [0, 1, 2, 3].map((epoch) => labelsOf(epoch));
    expect(new Set(orders).size).toBeGreaterThan(1);
    expect(labelsOf(2)).toBe(orders[2]);
  });

  test("refuse what cannot be trained on", async () => {
    expect(() => sequenceBatches([], { batchSize: 1, padId: 0 })).toThrow(TrainingError);
    expect(() => sequenceBatches([{ inputIds: [], label: 0 }], { batchSize: 1, padId: 0 })).toThrow(
      /examples\[0\].inputIds: expected a list of at least one token id/,
    );
    const model = await MixtralForTokenClassification.fromPretrained(join(folder("tokens")));
    expect(() => new SequenceClassificationTask(model as never)).toThrow(/a sequence classifier, loaded and awaited/);
    expect(() => new TokenClassificationTask(model, { auxLossCoef: -1 })).toThrow(/auxLossCoef: expected at least 0/);
    expect(trainableParams(model)).toEqual([]);
    model.dispose();
  });
});

/** The loss of a batch as a whole, and by its rows. */
async function sameLoss<B extends object>(
  task: {
    labels(batch: B): number;
    loss(batch: B, scale: { numItems: number; batches: number }): { loss: { data(): Promise<ArrayLike<number>> } };
  },
  batch: B,
  expected: number,
): Promise<void> {
  const lossOf = async (part: B, numItems: number): Promise<number> => {
    const result = task.loss(part, { numItems, batches: 1 });
    const [value] = Array.from(await result.loss.data());
    dispose(result as never);
    return value!;
  };
  const numItems = task.labels(batch);
  expect(await lossOf(batch, numItems)).toBeCloseTo(expected, 5);
  const rows = (Object.values(batch).find(Array.isArray) as unknown[]).length;
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    const part = Object.entries(batch).map(([key, value]) => [key, Array.isArray(value) ? [value[row]] : value]);
    sum += await lossOf(Object.fromEntries(part) as B, numItems);
  }
  expect(sum).toBeCloseTo(expected, 4);
}
