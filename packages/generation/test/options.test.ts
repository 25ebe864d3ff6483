import { describe, expect, test } from "vitest";
import { GenerationError, type GenerationOptions, resolveOptions } from "../src/index.js";
import { ScriptedModel, type ScriptedOptions } from "./scripted-model.js";

const resolve = (options: GenerationOptions = {}, model: ScriptedOptions = {}) =>
  resolveOptions(options, new ScriptedModel(() => [], model).config);

test("the defaults are the reference's: greedy, 20 tokens", () => {
  expect(resolve({ seed: 1 })).toEqual({
    maxNewTokens: 20,
    maxLength: 64,
    doSample: false,
    temperature: 1,
    topK: 50,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    seed: 1,
    eosTokenIds: new Set(),
    padTokenId: 0,
  });
});

test("what is given goes before the generation config, that before the model's config", () => {
  const defaults = {
    doSample: true,
    temperature: 0.7,
    topK: 9,
    topP: 0.9,
    minP: 0.1,
    repetitionPenalty: 1.2,
    maxNewTokens: 5,
  };
  expect(resolve({ defaults })).toMatchObject(defaults);
  expect(resolve({ defaults, temperature: 0.5, topK: 3, maxNewTokens: 8 })).toMatchObject({
    ...defaults,
    temperature: 0.5,
    topK: 3,
    maxNewTokens: 8,
  });
  const model = { eosTokenId: 3, padTokenId: 4 };
  expect(resolve({}, model)).toMatchObject({ eosTokenIds: new Set([3]), padTokenId: 4 });
  expect(resolve({ defaults: { eosTokenId: [5, 6], padTokenId: 7 } }, model)).toMatchObject({
    eosTokenIds: new Set([5, 6]),
    padTokenId: 7,
  });
  expect(resolve({ eosTokenId: 8, padTokenId: 9 }, model)).toMatchObject({ eosTokenIds: new Set([8]), padTokenId: 9 });
});

test("max_length counts where nobody says how many new tokens", () => {
  expect(resolve({ defaults: { maxLength: 30 } })).toMatchObject({ maxNewTokens: 30, maxLength: 30 });
  expect(resolve({ defaults: { maxLength: 1000 } }).maxLength).toBe(64);
  expect(resolve({ defaults: { maxLength: 30, maxNewTokens: 40 } })).toMatchObject({ maxNewTokens: 40, maxLength: 64 });
  expect(resolve({ defaults: { maxLength: 30 }, maxNewTokens: 50 })).toMatchObject({ maxNewTokens: 50, maxLength: 64 });
  expect(resolve({}, { ropeType: "dynamic" }).maxLength).toBe(Infinity);
});

test("a temperature asks for sampling, and 0 for none, whatever the generation config says", () => {
  expect(resolve({ temperature: 0.5 }).doSample).toBe(true);
  expect(resolve({ temperature: 0, defaults: { doSample: true } }).doSample).toBe(false);
  expect(resolve({ temperature: 0.5, doSample: false }).doSample).toBe(false);
  expect(resolve({ defaults: { doSample: true, temperature: 0 } }).doSample).toBe(false);
  expect(resolve({ defaults: { temperature: 0.5 } }).doSample).toBe(false);
});

test("null means no end token; the first end token pads where nothing else does", () => {
  expect(resolve({ eosTokenId: null }, { eosTokenId: 3 }).eosTokenIds).toEqual(new Set());
  expect(resolve({}, { eosTokenId: [3, 4] })).toMatchObject({ eosTokenIds: new Set([3, 4]), padTokenId: 3 });
});

test("without a seed, chance decides", () => {
  const seeds = new Set(Array.from({ length: 20 }, () => resolve().seed));
  expect(seeds.size).toBeGreaterThan(1);
  expect([...seeds].every(Number.isSafeInteger)).toBe(true);
});

describe("an error for", () => {
  test.each<[GenerationOptions, string]>([
    [{ maxNewTokens: 0 }, "maxNewTokens: expected a whole number of at least 1, got 0."],
    [{ maxNewTokens: 1.5 }, "maxNewTokens: expected a whole number of at least 1, got 1.5."],
    [{ temperature: -1 }, "temperature: expected a number of at least 0, got -1."],
    [{ temperature: Number.NaN }, "temperature: expected a number of at least 0, got NaN."],
    [{ temperature: Infinity }, "temperature: expected a number of at least 0, got Infinity."],
    [{ topK: -1 }, "topK: expected a whole number of at least 0, got -1."],
    [{ topP: 0 }, "topP: expected a number above 0 and at most 1, got 0."],
    [{ topP: 1.1 }, "topP: expected a number above 0 and at most 1, got 1.1."],
    [{ minP: -0.1 }, "minP: expected a number from 0 to 1, got -0.1."],
    [{ minP: 2 }, "minP: expected a number from 0 to 1, got 2."],
    [{ repetitionPenalty: 0 }, "repetitionPenalty: expected a number above 0, got 0."],
    [{ seed: 0.5 }, "seed: expected a whole number, got 0.5."],
    [{ padTokenId: 16 }, "padTokenId: expected a token id below 16, got 16."],
    [{ defaults: { topP: 7 } }, "topP: expected a number above 0 and at most 1, got 7."],
  ])("%o", (options, message) => {
    expect(() => resolve(options)).toThrow(GenerationError);
    expect(() => resolve(options)).toThrow(message);
  });
});
