import fc from "fast-check";
import { expect, test } from "vitest";
import { ConfigError, type GenerationConfig, generationConfig, generationConfigIssues } from "../src/index.js";

/** A few hundred, and thousands in `npm run test:long`. */
const RUNS = process.env.MIXTAPE_TEST_LONG ? 2500 : 500;

/** arcee-ai/Trinity-Mini. */
const trinity = {
  _from_model_config: true,
  do_sample: true,
  eos_token_id: [3],
  min_p: 0.06,
  pad_token_id: 12,
  temperature: 0.15,
  top_k: 50,
  top_p: 0.75,
  transformers_version: "4.57.3",
};

test("a published file", () => {
  const config = generationConfig.parse(trinity);
  expect(Object.fromEntries(Object.entries(config))).toEqual({
    doSample: true,
    eosTokenId: [3],
    minP: 0.06,
    padTokenId: 12,
    temperature: 0.15,
    topK: 50,
    topP: 0.75,
  });
  expect(generationConfig.toJSON(config)).toEqual(trinity);
});

test("what is left out or null is absent, so that configs merge by spreading", () => {
  const config = generationConfig.parse({ temperature: 0.5, top_k: null, eos_token_id: null });
  expect(Object.keys(config)).toEqual(["temperature"]);
  const merged: GenerationConfig = { ...generationConfig.create({ topK: 50, temperature: 1 }), ...config };
  expect(merged).toMatchObject({ topK: 50, temperature: 0.5 });
  expect(generationConfig.toJSON(config)).toEqual({ temperature: 0.5, top_k: null, eos_token_id: null });
  const { temperature: _, ...rest } = config;
  expect(generationConfig.toJSON(rest)).toEqual({ top_k: null, eos_token_id: null });
});

test("one stop string is a list of one", () => {
  const config = generationConfig.parse({ stop_strings: "END" });
  expect(config.stopStrings).toEqual(["END"]);
  expect(generationConfig.toJSON(config)).toEqual({ stop_strings: "END" });
  expect(generationConfig.create({ stopStrings: ["a", "b"] }).stopStrings).toEqual(["a", "b"]);
});

const faultsOf = (json: object) => generationConfigIssues(generationConfig.parse(json))!.issues;

test("neutral values of what is not done here pass, others are faults", () => {
  const neutral = {
    num_beams: 1,
    num_beam_groups: 1,
    diversity_penalty: 0.0,
    length_penalty: 1.0,
    num_return_sequences: 1,
    penalty_alpha: null,
    guidance_scale: null,
    cache_implementation: "static",
  };
  expect(generationConfig.toJSON(generationConfig.parse(neutral))).toEqual(neutral);
  expect(faultsOf(neutral)).toEqual([]);
  const refused = { num_beams: 4, penalty_alpha: 0.6, guidance_scale: 2, cache_implementation: "paper" };
  const config = generationConfig.parse(refused, { file: "model/generation_config.json" });
  const { file, issues } = generationConfigIssues(config)!;
  expect(file).toBe("model/generation_config.json");
  expect(issues.map((fault) => fault.key).sort()).toEqual(Object.keys(refused).sort());
  expect(issues).toContainEqual({
    key: "num_beams",
    field: "num_beams",
    expected: "1 or null, since other values need computations that are not implemented",
    got: "4",
  });
  // What cannot be used is still what the file says.
  expect(generationConfig.toJSON(config)).toEqual(refused);
});

test.each<[object, string, string]>([
  [{ temperature: -1 }, "temperature", "expected a number of at least 0, got -1"],
  [{ top_k: -1 }, "topK", "expected an integer of at least 0, got -1"],
  [{ repetition_penalty: 0 }, "repetitionPenalty", "expected a number above 0, got 0"],
  [{ max_new_tokens: 0 }, "maxNewTokens", "expected an integer of at least 1, got 0"],
  [{ do_sample: "true" }, "doSample", 'expected true or false, got "true"'],
  [{ stop_strings: [""] }, "stopStrings", 'expected a string of at least one character, got ""'],
  [{ bad_words_ids: [[1], []] }, "badWordsIds", "expected a sequence of at least one token id, got []"],
  [{ suppress_tokens: [1, "a"] }, "suppressTokens", 'expected a token id, got "a"'],
])("%j is a fault, and its field is absent", (json, field, message) => {
  const config = generationConfig.parse(json);
  const [fault] = generationConfigIssues(config)!.issues;
  expect(`expected ${fault!.expected}, got ${fault!.got}`).toBe(message);
  expect(fault!.field).toBe(field);
  expect(Object.keys(config)).toEqual([]);
  expect(generationConfig.toJSON(config)).toEqual(json);
  // What code says in its place counts, there and on disk.
  const mended = { ...config, [field]: undefined, maxNewTokens: 9 };
  expect(generationConfig.toJSON(mended)).toMatchObject({ max_new_tokens: 9 });
});

test("a field that was given in place of a fault is none any more", () => {
  const config = { ...generationConfig.parse({ temperature: -1, top_k: -1 }), temperature: 0.5 };
  expect(generationConfigIssues(config)!.issues.map(({ key }) => key)).toEqual(["top_k"]);
  expect(generationConfig.toJSON(config)).toEqual({ temperature: 0.5, top_k: -1 });
  expect(() => generationConfig.toJSON({ ...config, temperature: -2 })).toThrow(
    "temperature: expected a number of at least 0, got -2",
  );
});

test("unknown keys, and those that are to be ignored, are passed over and kept", () => {
  const json = { topk: 5, house: { style: "plain" }, num_beams: 4, temperature: 0.5 };
  const config = generationConfig.parse(json, { ignore: ["num_beams", "temperature"] });
  expect(generationConfigIssues(config)!.issues).toEqual([]);
  expect(Object.keys(config)).toEqual([]);
  expect(generationConfig.toJSON(config)).toEqual(json);
});

test("a cache of transformers is known by its name", () => {
  const json = { cache_implementation: "quantized", cache_config: { backend: "hqq", nbits: 4 } };
  const config = generationConfig.parse(json);
  expect(config.cacheImplementation).toBe("quantized");
  expect(faultsOf(json)).toEqual([]);
  expect(generationConfig.toJSON(config)).toEqual(json);
  expect(faultsOf({ cache_implementation: "paper" })[0]).toMatchObject({
    field: "cacheImplementation",
    expected: expect.stringContaining("quantized, offloaded"),
    got: '"paper"',
  });
});

test("values of which transformers applies nothing say so", () => {
  const json = { top_p: 1.5, typical_p: 2, epsilon_cutoff: 2, eta_cutoff: -1, no_repeat_ngram_size: -1 };
  const config = generationConfig.parse(json);
  expect(config).toMatchObject({ topP: 1, typicalP: 1, epsilonCutoff: 0, etaCutoff: 0, noRepeatNgramSize: 0 });
  expect(generationConfig.toJSON(config)).toEqual(json);
  const tokens = { eos_token_id: [2, -1, 1e6], pad_token_id: -1, suppress_tokens: [-1] };
  expect(faultsOf(tokens)).toEqual([]);
});

test("a config made in code has no file, and is refused as such", () => {
  expect(generationConfigIssues(generationConfig.create({ topK: 3 }))).toBeUndefined();
  expect(generationConfigIssues({})).toBeUndefined();
  expect(() => generationConfig.create({ topK: -3 })).toThrow(ConfigError);
});

test("temperature 0 passes where it is read", () => {
  expect(generationConfig.parse({ temperature: 0, do_sample: true }).temperature).toBe(0);
});

/** The attributes of transformers 5.18's GenerationConfig. */
const keys = `
  _from_model_config assistant_confidence_threshold assistant_early_exit assistant_ensemble_weight assistant_lookbehind
  bad_words_ids begin_suppress_tokens bos_token_id cache_config cache_implementation compile_config constraints
  continuous_batching_config decoder_start_token_id disable_compile diversity_penalty do_sample dola_layers
  early_stopping encoder_no_repeat_ngram_size encoder_repetition_penalty eos_token_id epsilon_cutoff eta_cutoff
  exponential_decay_length_penalty force_words_ids forced_bos_token_id forced_eos_token_id guidance_scale is_assistant
  length_penalty low_memory max_cache_len max_length max_matching_ngram_size max_new_tokens max_time min_length
  min_new_tokens min_p no_repeat_ngram_size num_assistant_tokens num_assistant_tokens_schedule num_beam_groups num_beams
  num_return_sequences output_attentions output_hidden_states output_logits output_scores pad_token_id penalty_alpha
  prefill_chunk_size prompt_lookup_num_tokens remove_invalid_values renormalize_logits repetition_penalty
  return_dict_in_generate sequence_bias speculation_type stop_strings suppress_tokens target_lookbehind temperature
  token_healing top_h top_k top_p transformers_version typical_p use_cache use_mtp watermarking_config`;

test.each(keys.trim().split(/\s+/))("%s is used, restricted, or ignored for a reason", (key) => {
  expect(generationConfig.explain(key)).toBeDefined();
});

const value = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(0, -1, 1e308, 2 ** 53, 0.5, 1, "", "a", true, null, [], {}, [1]),
);
const key = fc.constantFrom(...keys.trim().split(/\s+/), "__proto__", "constructor", "unknown");

test("mutated files are read, and come back as they were", () => {
  fc.assert(
    fc.property(fc.dictionary(key, value), fc.subarray(Object.keys(trinity)), (edits, removed) => {
      const entries = Object.entries({ ...trinity, ...edits }).filter(([name]) => !removed.includes(name));
      const json: unknown = Object.fromEntries(entries);
      expect(generationConfig.toJSON(generationConfig.parse(json))).toEqual(json);
    }),
    { numRuns: RUNS },
  );
});
