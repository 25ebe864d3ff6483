import { readFileSync } from "node:fs";
import { fc, test as property } from "@fast-check/vitest";
import { fixture } from "@mixtape/testing";
import { describe, expect, test } from "vitest";
import {
  minPProcessor,
  processorsOf,
  type Settings,
  softmax,
  temperatureProcessor,
  topKProcessor,
  topPProcessor,
} from "../src/index.js";

interface Golden {
  readonly input_ids: number[][];
  readonly logits: number[][];
  readonly tied_logits: number[][];
  readonly cases: readonly {
    readonly name: string;
    readonly settings: Readonly<Record<string, number>>;
    readonly logits: "logits" | "tied_logits";
    /** Null is −∞. */
    readonly scores: (number | null)[][];
  }[];
}

const golden = JSON.parse(readFileSync(fixture("samplers.json"), "utf8")) as Golden;

/** Settings that change nothing. */
const NEUTRAL: Settings = {
  maxNewTokens: 1,
  maxLength: 64,
  doSample: true,
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  seed: 0,
  eosTokenIds: new Set(),
  padTokenId: 0,
};

describe("as transformers processes them", () => {
  test.each(golden.cases)("$name", ({ settings, logits, scores }) => {
    const { repetition_penalty, temperature, top_k, top_p, min_p } = settings;
    const processors = processorsOf({
      ...NEUTRAL,
      ...(repetition_penalty !== undefined && { repetitionPenalty: repetition_penalty }),
      ...(temperature !== undefined && { temperature }),
      ...(top_k !== undefined && { topK: top_k }),
      ...(top_p !== undefined && { topP: top_p }),
      ...(min_p !== undefined && { minP: min_p }),
    });
    expect(processors).toHaveLength(Object.keys(settings).length);
    for (const [row, values] of golden[logits].entries()) {
      const own = Float32Array.from(values);
      for (const process of processors) process(own, golden.input_ids[row]!);
      for (const [id, wanted] of scores[row]!.entries()) {
        if (wanted === null) expect(own[id], `row ${row}, token ${id}`).toBe(-Infinity);
        // One rounding to float32 apart, where a division and a product follow each other.
        else
          expect(Math.abs(own[id]! - wanted), `row ${row}, token ${id}`).toBeLessThanOrEqual(
            Math.abs(wanted) * 2 ** -22,
          );
      }
    }
  });
});

test("greedy choice is moved by the repetition penalty alone", () => {
  const settings = { ...NEUTRAL, doSample: false, temperature: 0.5, topK: 3, topP: 0.5, minP: 0.5 };
  expect(processorsOf(settings)).toEqual([]);
  expect(processorsOf({ ...settings, repetitionPenalty: 2 })).toHaveLength(1);
});

const logitsOf = fc.array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 1, maxLength: 40 });
const keptOf = (values: readonly number[], process: (logits: Float32Array, ids: number[]) => void): number[] => {
  const logits = Float32Array.from(values);
  process(logits, []);
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

property.prop([logitsOf, fc.double({ min: 0, max: 1, noNaN: true })])("min-p keeps the likeliest", (values, share) => {
  const rounded = Float32Array.from(values);
  expect(keptOf(values, minPProcessor(share))).toContain(rounded.indexOf(Math.max(...rounded)));
});

property.prop([logitsOf, fc.double({ min: 0.1, max: 10, noNaN: true })])(
  "no temperature changes the order",
  (values, temperature) => {
    const logits = Float32Array.from(values);
    const before = logits.slice();
    temperatureProcessor(temperature)(logits, []);
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
