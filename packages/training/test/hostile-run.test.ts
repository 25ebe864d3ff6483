/** A training folder is validated like any other file, and a resume that fails leaves the model as it was. */

import { cp, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MixtapeError } from "@mixtape/errors";
import { encodeWeight } from "@mixtape/ops";
import { openCheckpoint, type TensorToWrite, writeCheckpoint } from "@mixtape/safetensors";
import { memory, setBackend } from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseMetrics, TrainingError, type TrainOptions, train } from "../src/index.js";
import { smallModel } from "./support/small-model.js";

let scratch: string;
let saved: string;
let count = 0;
const data = { batch: () => ({ inputIds: [[1, 2, 3]], labels: [[1, 2, 3]] }) };
const options = (folder: string, more: Partial<TrainOptions> = {}): TrainOptions => ({
  maxSteps: 4,
  optimizer: { learningRate: 0.01, maxGradNorm: 1 },
  checkpoints: { folder, every: 1 },
  evaluation: { data: () => ({ loss: 1 }), every: 1, keepBest: true },
  ...more,
});
const run = async (model: Awaited<ReturnType<typeof smallModel>>, given: TrainOptions): Promise<void> => {
  for await (const _ of train(model, data, given));
};

beforeAll(async () => {
  await setBackend("cpu");
  scratch = await mkdtemp(join(tmpdir(), "mixtape-hostile-"));
  saved = join(scratch, "saved");
  const model = await smallModel();
  await run(model, options(saved, { maxSteps: 2 }));
  model.dispose();
});
afterAll(() => rm(scratch, { recursive: true }));

/** Changes a copy of the saved run, and holds that a model which goes on from it fails with a message and is as before. */
async function refused(change: (folder: string) => Promise<void>, message: string | RegExp, more = {}): Promise<void> {
  const folder = join(scratch, `${count++}`);
  await cp(saved, folder, { recursive: true });
  await change(folder);
  const model = await smallModel();
  const weights = () =>
    Promise.all(
      [...model.namedParameters()].map(async ([, { weight }]) => (await encodeWeight(weight, "F32")).slice()),
    );
  const before = await weights();
  const tensors = memory().numTensors;
  const error: unknown = await run(model, options(folder, more)).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(MixtapeError);
  expect((error as Error).message).toMatch(message);
  expect(await weights()).toEqual(before);
  expect(memory().numTensors).toBe(tensors);
  model.dispose();
}

const inJson =
  (change: (json: Record<string, never> & { optimizer: Record<string, unknown> }) => object) =>
  async (folder: string): Promise<void> => {
    const path = join(folder, "training.json");
    const json = JSON.parse(await readFile(path, "utf8")) as Parameters<typeof change>[0];
    await writeFile(path, JSON.stringify(change(json)));
  };

/** Writes the tensors again, some of them changed. */
const inTensors = (change: (tensor: TensorToWrite) => TensorToWrite | null) => async (folder: string) => {
  const source = await openCheckpoint(folder);
  const tensors: TensorToWrite[] = [];
  for (const name of source.names) {
    const { dtype, shape } = source.tensor(name);
    const tensor = change({ name, dtype, shape, bytes: (await source.tensor(name).read()).slice() });
    if (tensor) tensors.push(tensor);
  }
  await source.close();
  await writeCheckpoint(folder, tensors);
};
const withValue = (start: string, value: number) =>
  inTensors((tensor) => {
    if (!tensor.name.startsWith(start)) return tensor;
    const bytes = (tensor.bytes as Uint8Array).slice();
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return { ...tensor, bytes };
  });

describe("training.json", () => {
  test.each<[string, string, RegExp]>([
    ["no JSON", "{", /training\.json: expected JSON/],
    ["a list", "[]", /training\.json: expected an object, got a list/],
    ["null", "null", /training\.json: expected an object, got null/],
    ["another format", '{"format": 2}', /format: expected 1, got 2/],
    ["no optimiser", '{"format": 1, "seed": 0, "accumulate": 1}', /optimizer: expected an object, got undefined/],
  ])("%s", async (_, text, message) => {
    await refused((folder) => writeFile(join(folder, "training.json"), text), message);
  });

  test.each<[string, unknown, RegExp]>([
    ["steps", -1, /optimizer\.steps: expected a whole number from 0/],
    ["steps", null, /optimizer\.steps: .* got null/],
    ["steps", "2", /optimizer\.steps: .* got "2"/],
    ["steps", 1e300, /optimizer\.steps: /],
    ["steps", 7, /metrics\.jsonl: expected the steps 1 to 7, one on each line, got 2 lines/],
    ["paramSteps", 5, /optimizer\.paramSteps: expected an object/],
    ["paramSteps", { "model.norm.weight": 3 }, /paramSteps\.model\.norm\.weight: expected a whole number from 0 to 2/],
    ["settings", { "model.norm.weight": "x" }, /settings\.model\.norm\.weight: expected a list of numbers/],
  ])("optimizer.%s: %j", async (key, value, message) => {
    await refused(
      inJson((json) => ({ ...json, optimizer: { ...json.optimizer, [key]: value } })),
      message,
    );
  });

  test.each<[string, unknown, RegExp]>([
    ["seed", Number.NaN, /seed: expected a whole number/],
    ["accumulate", 0, /accumulate: expected a whole number from 1/],
    ["best", 3, /best: expected a whole number from 1 to 2/],
    ["best", null, /expected a run of these parameters, got \d+ that differ, such as best\./],
  ])("%s: %j", async (key, value, message) => {
    await refused(
      inJson((json) => ({ ...json, [key]: value })),
      message,
    );
  });
});

describe("the tensors", () => {
  test("cut off", () =>
    refused(async (folder) => truncate(join(folder, "model.safetensors"), 3000), /model\.safetensors/));
  test("a header that says too much", () =>
    refused(async (folder) => writeFile(join(folder, "model.safetensors"), new Uint8Array(16).fill(255)), /header/));
  test("none", () => refused(async (folder) => rm(join(folder, "model.safetensors")), /model\.safetensors/));
  test("a moment of another shape", () =>
    refused(
      inTensors((tensor) => (tensor.name === "mean.model.norm.weight" ? { ...tensor, shape: [2, 4] } : tensor)),
      /mean\.model\.norm\.weight: expected F32 \[8\], got F32 \[2,4\]/,
    ));
  test("a moment of another dtype", () =>
    refused(
      inTensors((tensor) => (tensor.name === "mean.model.norm.weight" ? { ...tensor, dtype: "I32" } : tensor)),
      /mean\.model\.norm\.weight: expected F32 \[8\], got I32 \[8\]/,
    ));
  test("one that is missing, and one too many", async () => {
    await refused(
      inTensors((tensor) => (tensor.name.startsWith("variance.model.norm") ? null : tensor)),
      /got nothing/,
    );
    await refused(
      inTensors((tensor) => (tensor.name === "mean.model.norm.weight" ? { ...tensor, name: "other" } : tensor)),
      /other: expected nothing/,
    );
  });
  test.each<[string, number, RegExp]>([
    ["weight.", Number.NaN, /weight\.\S+: expected finite numbers, got NaN/],
    ["mean.", Number.POSITIVE_INFINITY, /mean\.\S+: expected finite numbers, got Infinity/],
    ["variance.", -1, /variance\.\S+: expected finite numbers of at least 0, got -1/],
    ["best.", Number.NaN, /best\.\S+: expected finite numbers, got NaN/],
  ])("%s… with %j", (start, value, message) => refused(withValue(start, value), message));
});

test.each<[string, string, RegExp]>([
  ["no JSON", "{\n{\n", /metrics\.jsonl: line 1: expected a step in JSON/],
  ["null", "null\nnull\n", /metrics\.jsonl: line 1: step: expected the value of a step, got undefined/],
  ["lines that are missing", "", /expected the steps 1 to 2, one on each line, got 0 lines/],
])("metrics.jsonl: %s", async (_, text, message) => {
  await refused((folder) => writeFile(join(folder, "metrics.jsonl"), text), message);
  if (text !== "") expect(() => parseMetrics(text)).toThrow(TrainingError);
});

describe("settings of the optimiser that differ", () => {
  const optimizer = { learningRate: 0.01, maxGradNorm: 1 };
  test.each<[object, RegExp]>([
    [{ ...optimizer, learningRate: 0.02 }, /learningRate of \S+: expected 0\.01, as when the run was saved, got 0\.02/],
    [{ ...optimizer, betas: [0.9, 0.95] }, /betas\[1\] of/],
    [{ ...optimizer, weightDecay: 0 }, /weightDecay of/],
    [{ learningRate: 0.01 }, /maxGradNorm of \S+: expected 1, as when the run was saved, got none/],
    [
      { ...optimizer, groups: [{ match: (name: string) => name.endsWith("norm.weight"), learningRateRatio: 2 }] },
      /learningRate of model\.\S*norm\.weight/,
    ],
  ])("%j", (other, message) => refused(async () => {}, message, { optimizer: other }));
});
