import { readFileSync } from "node:fs";
import { fc, test as property } from "@fast-check/vitest";
import { type GenerationConfig, generationConfig } from "@mixtape/config";
import { fixture } from "@mixtape/testing";
import { describe, expect, test } from "vitest";
import {
  argmax,
  type LogitsProcessor,
  minPProcessor,
  multinomialSampler,
  processorsOf,
  type ResolvedOptions,
  type RowContext,
  resolveOptions,
  seededRng,
  softmax,
  temperatureProcessor,
  topKProcessor,
  topPProcessor,
} from "../src/index.js";
import { ScriptedModel } from "./scripted-model.js";

interface Golden {
  readonly input_ids: number[][];
  readonly logits: number[][];
  readonly tied_logits: number[][];
  readonly eos: number[];
  readonly cases: readonly {
    readonly name: string;
    readonly settings: Readonly<Record<string, unknown>>;
    readonly prompt: number;
    readonly logits: "logits" | "tied_logits";
    /** Null is −∞. */
    readonly scores: (number | null)[][];
  }[];
}

const golden = JSON.parse(readFileSync(fixture("samplers.json"), "utf8")) as Golden;

/** Options of sampling that keep every token, but for those given. */
const sampling = (defaults: GenerationConfig): ResolvedOptions => {
  const model = new ScriptedModel(() => [], { vocabSize: 50 });
  return resolveOptions({ doSample: true, defaults: { topK: 0, ...defaults } }, model);
};

/** A row of the given tokens, of which the first ones are the prompt. */
const rowOf = (ids: readonly number[], promptLength = 0): RowContext => ({ row: 0, ids, promptLength });

/** Applies processors as generation does: those that return nothing have changed the logits in place. */
const apply = (processors: readonly LogitsProcessor[], logits: Float32Array, row = rowOf([])): Float32Array =>
  processors.reduce((before, processor) => processor.process(before, row) ?? before, logits);

describe("as transformers processes them", () => {
  test.each(golden.cases)("$name", ({ settings, prompt, logits, scores }) => {
    const defaults = generationConfig.parse({ top_k: 0, eos_token_id: golden.eos, ...settings });
    const processors = processorsOf(sampling(defaults));
    for (const [row, values] of golden[logits].entries()) {
      const own = apply(processors, Float32Array.from(values), rowOf(golden.input_ids[row]!, prompt));
      for (const [id, wanted] of scores[row]!.entries()) {
        if (wanted === null) expect(own[id], `row ${row}, token ${id}`).toBe(-Infinity);
        // One rounding to float32 apart, where a division and a product follow each other; 2⁻¹⁴⁹ is the smallest float32.
        else
          expect(Math.abs(own[id]! - wanted), `row ${row}, token ${id}`).toBeLessThanOrEqual(
            Math.abs(wanted) * 2 ** -22 + 2 ** -149,
          );
      }
    }
  });
});

test("greedy choice is moved by rules alone, not by options of sampling", () => {
  const options = { ...sampling({ temperature: 0.5, topK: 3, topP: 0.5, minP: 0.5 }), doSample: false };
  expect(processorsOf(options)).toEqual([]);
  expect(processorsOf({ ...options, repetitionPenalty: 2, suppressTokens: [1] })).toHaveLength(2);
});

// 5e-324 is the smallest number above 0; transformers refuses from 1e-38 on, as its probabilities are NaN then.
test.each([1e-37, 1e-38, 1e-40, 1e-45, 5e-324])("temperature %d takes the likeliest token", (temperature) => {
  for (const values of golden.logits) {
    const likeliest = argmax(Float32Array.from(values));
    for (const scale of [1, -1, 1e-6]) {
      const logits = Float32Array.from(values, (value) => value * scale);
      const wanted = argmax(logits);
      apply(processorsOf(sampling({ temperature, topK: 50, topP: 0.9, minP: 0.1 })), logits);
      expect(multinomialSampler.sample(logits, seededRng(1, 0))).toBe(wanted);
      if (scale === 1) expect(wanted).toBe(likeliest);
    }
  }
});

test("a large k keeps what a small one would keep", () => {
  const values = Float32Array.from({ length: 20_000 }, (_, i) => Math.sin(i * i));
  const kept = values.slice().sort().slice(-10_000);
  topKProcessor(10_000).process(values, rowOf([]));
  expect(values.filter((value) => value !== -Infinity).sort()).toEqual(kept);
});

const logitsOf = fc.array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 1, maxLength: 40 });
const keptOf = (values: readonly number[], processor: LogitsProcessor): number[] => {
  const logits = Float32Array.from(values);
  processor.process(logits, rowOf([]));
  return [...logits.keys()].filter((id) => logits[id] !== -Infinity);
};

property.prop([logitsOf, fc.integer({ min: 1, max: 50 })])("top-k keeps what no k others surpass", (values, k) => {
  const rounded = Float32Array.from(values);
  const kept = [...rounded.keys()].filter((id) => rounded.filter((other) => other > rounded[id]!).length < k);
  expect(keptOf(values, topKProcessor(k))).toEqual(kept);
});

property.prop([logitsOf, fc.double({ min: 0.001, max: 0.999, noNaN: true })])(
  "top-p keeps the likeliest, and enough of them, and no more than needed",
  (values, p) => {
    const probabilities = softmax(Float32Array.from(values));
    const kept = keptOf(values, topPProcessor(p));
    const sum = kept.reduce((total, id) => total + probabilities[id]!, 0);
    const least = Math.min(...kept.map((id) => probabilities[id]!));
    const dropped = [...probabilities.keys()].filter((id) => !kept.includes(id));
    expect(kept.length).toBeGreaterThan(0);
    expect(sum).toBeGreaterThan(p - 1e-9);
    expect(dropped.every((id) => probabilities[id]! <= least)).toBe(true);
    if (kept.length > 1) expect(sum - least).toBeLessThan(p + 1e-9);
  },
);

test("top-p drops higher ids first among equals, and leaves out tokens that are ruled out", () => {
  expect(keptOf([2, 2, 2, 2], topPProcessor(0.5))).toEqual([0, 1]);
  expect(keptOf([0, -0, 0, -0], topPProcessor(0.5))).toEqual([0, 1]);
  expect(keptOf([-Infinity, 1, 1, -Infinity], topPProcessor(0.1))).toEqual([1]);
  expect(keptOf([-Infinity, -Infinity], topPProcessor(0.5))).toEqual([]);
});

property.prop([logitsOf, fc.double({ min: 0, max: 1, noNaN: true })])("min-p keeps the likeliest", (values, share) => {
  const rounded = Float32Array.from(values);
  expect(keptOf(values, minPProcessor(share))).toContain(rounded.indexOf(Math.max(...rounded)));
});

property.prop([logitsOf, fc.double({ min: 0.1, max: 10, noNaN: true })])(
  "no temperature changes the order",
  (values, temperature) => {
    const logits = Float32Array.from(values);
    const before = logits.slice();
    temperatureProcessor(temperature).process(logits, rowOf([]));
    for (let i = 1; i < logits.length; i++) {
      if (before[i]! > before[i - 1]!) expect(logits[i]).toBeGreaterThanOrEqual(logits[i - 1]!);
      if (before[i]! < before[i - 1]!) expect(logits[i]).toBeLessThanOrEqual(logits[i - 1]!);
    }
  },
);

property.prop([logitsOf])("probabilities sum to 1, however large the logits", (values) => {
  const sum = softmax(Float32Array.from(values, (value) => value * 1e30)).reduce((total, p) => total + p, 0);
  expect(sum).toBeCloseTo(1, 12);
});
