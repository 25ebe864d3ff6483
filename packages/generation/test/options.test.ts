import { type GenerationConfig, generationConfig, unreadableGenerationConfig } from "@mixtape/config";
import { describe, expect, expectTypeOf, test } from "vitest";
import { GenerationError, type GenerationOptions, resolveOptions } from "../src/index.js";
import { ScriptedModel, type ScriptedOptions } from "./scripted-model.js";

const resolve = (options: GenerationOptions = {}, model: ScriptedOptions = {}) =>
  resolveOptions(options, new ScriptedModel(() => [], model));

test("the defaults are the reference's: greedy, 20 tokens", () => {
  expect(resolve({ seed: 1 })).toEqual({
    maxNewTokens: 20,
    maxLength: 64,
    minNewTokens: 0,
    minLength: 0,
    doSample: false,
    temperature: 1,
    topK: 50,
    topP: 1,
    minP: 0,
    topH: null,
    typicalP: 1,
    epsilonCutoff: 0,
    etaCutoff: 0,
    repetitionPenalty: 1,
    noRepeatNgramSize: 0,
    badWordsIds: [],
    sequenceBias: [],
    suppressTokens: [],
    beginSuppressTokens: [],
    forcedBosTokenId: null,
    forcedEosTokenId: null,
    exponentialDecayLengthPenalty: null,
    seed: 1,
    eosTokenIds: new Set(),
    padTokenId: 0,
    logitsProcessors: [],
    stoppingCriteria: [],
    sampler: null,
    logprobs: null,
    promptLogprobs: null,
    kvCacheDtype: "auto",
    prefillChunkSize: 2048,
  });
});

test("a KV cache dtype is one of two names, in types and at run time", () => {
  expect(resolve({ kvCacheDtype: "int8" }).kvCacheDtype).toBe("int8");
  expectTypeOf<GenerationOptions["kvCacheDtype"]>().toEqualTypeOf<"auto" | "int8" | undefined>();
  // @ts-expect-error -- not a dtype of caches
  const options: GenerationOptions = { kvCacheDtype: "int4" };
  expect(() => resolve(options)).toThrow('kvCacheDtype: expected auto or int8, got "int4"');
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

describe("a generation_config.json", () => {
  const read = (json: object): GenerationConfig => generationConfig.parse(json, { file: "m/generation_config.json" });

  test("gives way to the call, whatever it holds", () => {
    const file = read({ do_sample: true, temperature: 0, top_k: -1, repetition_penalty: 0, max_new_tokens: 0 });
    const call = { temperature: 0.5, topK: 5, repetitionPenalty: 1, maxNewTokens: 4 };
    expect(resolve(call, { generationConfig: file })).toMatchObject(call);
  });

  test.each<[object, GenerationOptions, string]>([
    [
      { do_sample: true, temperature: 0 },
      {},
      "m/generation_config.json: temperature: expected a number above 0 for sampling, got 0. Set options.temperature, or " +
        'pass ignore: ["temperature"] to load the model without it.',
    ],
    [
      { do_sample: true, top_p: -0.5 },
      {},
      "m/generation_config.json: top_p: expected a number of at least 0, got -0.5. Set options.topP, or pass " +
        'ignore: ["top_p"] to load the model without it.',
    ],
    [
      { num_beams: 4 },
      { temperature: 0 },
      "m/generation_config.json: num_beams: expected 1 or null, since other values need computations that are not implemented, got 4. " +
        'Pass ignore: ["num_beams"] to load the model without it.',
    ],
    [
      { repetition_penalty: -2 },
      {},
      "m/generation_config.json: repetition_penalty: expected a number above 0, got -2.",
    ],
    [
      { forced_eos_token_id: 16 },
      {},
      "m/generation_config.json: forced_eos_token_id: expected a token id below 16, got 16.",
    ],
    [
      { eos_token_id: "</s>" },
      {},
      "m/generation_config.json: eos_token_id: expected a token id, a list of token ids, or null for none",
    ],
    [
      { max_length: -3 },
      {},
      "m/generation_config.json: max_length: expected an integer of at least 1, got -3. Set options.maxNewTokens, or pass " +
        'ignore: ["max_length"] to load the model without it.',
    ],
  ])("%j is refused by file and key when it counts", (json, options, message) => {
    expect(() => resolve(options, { generationConfig: read(json) })).toThrow(GenerationError);
    expect(() => resolve(options, { generationConfig: read(json) })).toThrow(message);
  });

  test("has no part where its values do not count", () => {
    const file = read({
      temperature: -1,
      top_k: "many",
      min_p: 7,
      penalty_alpha: 0,
      bos_token_id: "<s>",
      max_length: 0,
    });
    expect(resolve({ maxNewTokens: 3 }, { generationConfig: file })).toMatchObject({
      doSample: false,
      maxNewTokens: 3,
    });
    expect(resolve({}, { generationConfig: read({ penalty_alpha: 0.6, do_sample: true }) }).doSample).toBe(true);
  });

  test("that was read says all about end tokens, as in transformers, where its model's config would say more", () => {
    expect(resolve({}, { eosTokenId: 3, generationConfig: read({}) }).eosTokenIds).toEqual(new Set());
    expect(resolve({}, { eosTokenId: 3, generationConfig: read({ eos_token_id: [-1, 400] }) }).eosTokenIds).toEqual(
      new Set([-1, 400]),
    );
    expect(resolve({}, { eosTokenId: 3 }).eosTokenIds).toEqual(new Set([3]));
  });

  test("that is no JSON object is refused when text is asked for", () => {
    const file = unreadableGenerationConfig("m/generation_config.json", { expected: "a JSON object", got: "{" });
    expect(() => resolve({}, { generationConfig: file })).toThrow(
      "m/generation_config.json: the whole file: expected a JSON object, got {. Mend the file, or remove it.",
    );
    expect(resolve({ defaults: {} }, { generationConfig: file }).maxNewTokens).toBe(20);
  });
});

test("the model's generation config counts, and a config alone is refused", () => {
  const model = new ScriptedModel(() => [], { generationConfig: { maxNewTokens: 7 } });
  expect(resolveOptions({}, model).maxNewTokens).toBe(7);
  expect(() => resolveOptions({}, model.config as never)).toThrow(
    "model: expected a model, as loadModel gives it, got a config. resolveOptions takes the model itself too, not " +
      "model.config: its generation config counts.",
  );
});

describe("an error for", () => {
  test.each<[GenerationOptions, string]>([
    [{ maxNewTokens: 0 }, "maxNewTokens: expected an integer of at least 1, got 0."],
    [{ maxNewTokens: 1.5 }, "maxNewTokens: expected an integer of at least 1, got 1.5."],
    [{ temperature: -1 }, "temperature: expected a number of at least 0, got -1."],
    [{ temperature: Number.NaN }, "temperature: expected a number of at least 0, got NaN."],
    [{ temperature: Infinity }, "temperature: expected a number of at least 0, got Infinity."],
    [{ topK: -1 }, "topK: expected an integer of at least 0, got -1."],
    [{ topP: -0.1 }, "topP: expected a number from 0 to 1, got -0.1."],
    [{ topP: Number.NaN }, "topP: expected a number from 0 to 1, got NaN."],
    [{ topP: "0.5" as never }, 'topP: expected a number from 0 to 1, got "0.5".'],
    [{ topK: 2.5 }, "topK: expected an integer of at least 0, got 2.5."],
    [{ minP: "x" as never }, 'minP: expected a number from 0 to 1, got "x".'],
    [{ typicalP: 0 }, "typicalP: expected a number above 0 and of at most 1, got 0."],
    [{ epsilonCutoff: 1 }, "epsilonCutoff: expected a number of at least 0 and below 1, got 1."],
    [{ repetitionPenalty: Infinity }, "repetitionPenalty: expected a number above 0, got Infinity."],
    [{ repetitionPenalty: -1 }, "repetitionPenalty: expected a number above 0, got -1."],
    [{ doSample: "yes" as never }, 'doSample: expected true or false, got "yes".'],
    [
      { eosTokenId: "</s>" as never },
      'eosTokenId: expected a token id, a list of token ids, or null for none, got "</s>".',
    ],
    [{ suppressTokens: 3 as never }, "suppressTokens: expected a list of token ids, got 3."],
    [{ badWordsIds: [3] as never }, "badWordsIds[0]: expected a list of token ids, got 3."],
    [{ forcedEosTokenId: 16 }, "forcedEosTokenId: expected a token id below 16, got 16."],
    [{ defaults: { doSample: true, temperature: 0 } }, "temperature: expected a number above 0 for sampling, got 0."],
    [{ topP: 1.1 }, "topP: expected a number from 0 to 1, got 1.1."],
    [{ minP: -0.1 }, "minP: expected a number from 0 to 1, got -0.1."],
    [{ minP: 2 }, "minP: expected a number from 0 to 1, got 2."],
    [{ repetitionPenalty: 0 }, "repetitionPenalty: expected a number above 0, got 0."],
    [{ seed: 0.5 }, "seed: expected an integer, got 0.5."],
    [{ padTokenId: 16 }, "padTokenId: expected a token id below 16, got 16."],
    [{ defaults: { topP: 7 } }, "topP: expected a number from 0 to 1, got 7."],
  ])("%o", (options, message) => {
    expect(() => resolve(options)).toThrow(GenerationError);
    expect(() => resolve(options)).toThrow(message);
  });
});
