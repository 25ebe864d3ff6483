import { expect, test } from "vitest";
import { summarize, weightBytes } from "../src/index.js";
import { TinyForCausalLM, tinyOf } from "./support/tiny.js";

const EMBEDDING = 11 * 4;
// Two query heads and one key head of width 2.
const ATTENTION = 4 * 4 + 2 * 4 + 2 * 4 + 4 * 4;
const NORMS = 2 * 4;
const DENSE = 3 * 6 * 4;
const ROUTER = 3 * 4;
const EXPERT = 3 * 2 * 4;

test("parameters are counted by hand, all and those that a token meets; nothing is loaded for it", () => {
  const model = new TinyForCausalLM(tinyOf());
  const rest = 2 * EMBEDDING + 2 * (ATTENTION + NORMS) + DENSE + ROUTER + 4;
  expect(summarize(model)).toEqual({
    modelType: "tiny",
    architecture: "TinyForCausalLM",
    layers: { total: 2, moe: 1, sliding: 0 },
    experts: { total: 3, perToken: 2, shared: 0 },
    parameters: { total: rest + 3 * EXPERT, active: rest + 2 * EXPERT },
  });
  expect([...model.namedParameters()].some(([, param]) => param.isLoaded)).toBe(false);
});

test("a tied head is counted once, sliding layers as such", () => {
  const tied = summarize(new TinyForCausalLM(tinyOf({ tieWordEmbeddings: true, slidingWindow: 4 })));
  const untied = summarize(new TinyForCausalLM(tinyOf()));
  expect(untied.parameters.total - tied.parameters.total).toBe(EMBEDDING);
  expect(tied.layers.sliding).toBe(2);
});

test("bytes are those that the engine will take", () => {
  const model = new TinyForCausalLM(tinyOf());
  const { total } = summarize(model).parameters;
  expect(weightBytes(model, "cpu")).toBe(4 * total);
  // XNNPACK packs a second copy of each matrix; scales and the embedding are none.
  const single = EMBEDDING + 2 * NORMS + 4;
  expect(weightBytes(model, "wasm")).toBe(4 * (2 * (total - single) + single));
  expect(weightBytes(model, "tensorflow", "BF16")).toBe(4 * total);
});
