/** Arguments of the wrong type are refused with a typed error that names what was expected. */

import { MixtapeError } from "@mixtape/errors";
import { expect, test } from "vitest";
import * as training from "../src/index.js";

const wrong = <T>(value: unknown): T => value as T;
const param = wrong<training.NamedParam>(["a", { isTrainable: true }]);
const adamW = (more: object, params: unknown = [param]): (() => unknown) => {
  return () => new training.AdamW(wrong(params), { learningRate: 1, ...more });
};
const train =
  (what: unknown, data: unknown, more: object = {}) =>
  async (): Promise<void> => {
    const options = { maxSteps: 1, optimizer: { learningRate: 1 }, ...more };
    for await (const _ of training.train(wrong<training.TrainingTask>(what), wrong(data), options));
  };
const task = { params: [param], loss: () => {} };

test.each<[string, () => unknown, RegExp]>([
  ["train", train(null, {}), /train: expected a causal language model or a TrainingTask, awaited, got null/],
  [
    "train",
    train(Promise.resolve(), {}),
    /train: expected a causal language model or a TrainingTask, awaited, got an object/,
  ],
  ["train: data", train(task, [1]), /train: data: expected an object with batch\(index\), got a list/],
  ["train: params", train({ ...task, params: 5 }, {}), /train: params: expected \[name, Param\] pairs/],
  ["train: a callback", train(task, {}, { callbacks: { onSave: 5 } }), /callbacks\.onSave: expected a function, got 5/],
  ["train: a folder", train(task, {}, { checkpoints: { folder: 5, every: 1 } }), /checkpoints\.folder: .* got 5/],
  ["evaluate", () => training.evaluate(wrong(undefined), wrong({})), /evaluate: expected a model/],
  [
    "evaluate: data",
    () => training.evaluate(wrong({ forward: () => {} }), wrong([])),
    /evaluate: data: expected batches/,
  ],
  [
    "dataLoader",
    () => training.dataLoader(wrong(5), { batchSize: 1 }),
    /dataLoader: expected a list of examples, got 5/,
  ],
  [
    "dataLoader: an example",
    () => training.dataLoader(wrong([{ inputIds: ["a", "b"] }]), { batchSize: 1 }),
    /examples\[0\]\.inputIds\[0\]: expected a token id, from 0, got "a"/,
  ],
  [
    "dataLoader: a token id",
    () => training.dataLoader([{ inputIds: [3, 2, -1] }], { batchSize: 1 }),
    /examples\[0\]\.inputIds\[2\]: expected a token id, from 0, got -1/,
  ],
  [
    "dataLoader: an example that is a text",
    () => training.dataLoader(wrong([{ inputIds: "ab" }]), { batchSize: 1 }),
    /examples\[0\]\.inputIds: expected a list of token ids, got "ab"/,
  ],
  [
    "prepareExample: a tokenizer",
    () => training.prepareExample({ text: "a" }, wrong(undefined)),
    /prepareExample: tokenizer: expected a tokenizer, as loadTokenizer gives one, got undefined/,
  ],
  [
    "readDataset: a tokenizer",
    () => training.readDataset(new Blob([""]).stream(), wrong({ encode: 1 }), { name: "a.txt" }),
    /readDataset: tokenizer: expected a tokenizer, .*, got an object/,
  ],
  [
    "readDataset: ignoreKeys",
    () =>
      training.readDataset(
        new Blob([""]).stream(),
        wrong({ encode: () => [] }),
        wrong({ name: "a.txt", ignoreKeys: "a" }),
      ),
    /readDataset: ignoreKeys: expected a list of strings, got "a"/,
  ],
  [
    "unfreeze",
    () => training.unfreeze(wrong(undefined)),
    /unfreeze: expected a module, such as a model, got undefined/,
  ],
  ["freeze", () => training.freeze(wrong(5)), /freeze: expected a module/],
  ["trainableParams", () => training.trainableParams(wrong(null)), /trainableParams: expected a module/],
  ["CausalLMTask", () => new training.CausalLMTask(wrong({})), /CausalLMTask: expected a causal language model/],
  ["AdamW: params", adamW({}, 5), /AdamW: params: expected \[name, Param\] pairs, got 5/],
  ["AdamW: betas", adamW({ betas: 5 }), /betas: expected two numbers, got 5/],
  ["AdamW: learningRate", adamW({ learningRate: "1" }), /learningRate: expected a number at least 0, got 1/],
  ["AdamW: schedule", adamW({ schedule: 5 }), /schedule: expected a function from the step to a factor, got 5/],
  ["AdamW: groups", adamW({ groups: 5 }), /AdamW: groups: expected a list of parameter groups, got 5/],
  ["AdamW: match", adamW({ groups: [{ match: "a" }] }), /groups\[0\]\.match: expected a function .* got "a"/],
  [
    "linearSchedule",
    () => training.linearSchedule({ totalSteps: wrong("x") }),
    /totalSteps: expected a number of steps/,
  ],
  [
    "cosineSchedule",
    () => training.cosineSchedule({ totalSteps: 5, minFactor: 2 }),
    /minFactor: .* from 0 to 1, got 2/,
  ],
  ["parseMetrics", () => training.parseMetrics(wrong(5)), /metrics\.jsonl: expected text, got 5/],
  ["toReport", () => training.toReport(wrong(5)), /toReport: expected a list of steps, got 5/],
])("%s", async (_, call, message) => {
  const error: unknown = await Promise.resolve()
    .then(call)
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(MixtapeError);
  expect((error as Error).message).toMatch(message);
});
