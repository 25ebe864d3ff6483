import fc from "fast-check";
import { expect, test } from "vitest";
import { ConfigError, type GenerationConfig, generationConfig } from "../src/index.js";

/** A few hundred, and thousands in `npm run test:long`. */
const RUNS = process.env.MIXTAPE_TEST_LONG ? 10_000 : 500;

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

test("neutral values of what is not done here pass, others are refused by name", () => {
  const neutral = {
    num_beams: 1,
    num_beam_groups: 1,
    diversity_penalty: 0.0,
    length_penalty: 1.0,
    typical_p: 1.0,
    no_repeat_ngram_size: 0,
    num_return_sequences: 1,
    bad_words_ids: null,
    penalty_alpha: null,
    guidance_scale: null,
    cache_implementation: "static",
  };
  expect(generationConfig.toJSON(generationConfig.parse(neutral))).toEqual(neutral);
  const refused = {
    num_beams: 4,
    penalty_alpha: 0.6,
    typical_p: 0.9,
    suppress_tokens: [1],
    cache_implementation: "quantized",
  };
  try {
    generationConfig.parse(refused);
    expect.unreachable();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.file).toBe("generation_config.json");
    expect(error.faults.map((fault) => fault.key).sort()).toEqual(Object.keys(refused).sort());
    expect(error.message).toContain(
      "num_beams: expected 1 or null, since other values mean maths that is not done here, got 4",
    );
  }
});

test.each<[object, string]>([
  [{ temperature: -1 }, "generation_config.json: temperature: expected a number of at least 0, got -1."],
  [
    { temperature: 0, do_sample: true },
    "temperature: expected a number above 0 for sampling, got 0. Greedy text needs do_sample: false.",
  ],
  [{ top_p: 1.5 }, "top_p: expected a number of at least 0 and of at most 1, got 1.5"],
  [{ top_k: -1 }, "top_k: expected an integer of at least 0, got -1"],
  [{ repetition_penalty: 0 }, "repetition_penalty: expected a number above 0, got 0"],
  [{ max_new_tokens: 0 }, "max_new_tokens: expected an integer of at least 1, got 0"],
  [{ do_sample: "true" }, 'do_sample: expected true or false, got "true"'],
  [{ stop_strings: [""] }, "stop_strings: expected texts of at least one character"],
  [{ topk: 5 }, "topk: expected a key of the generation_config.json, such as top_k"],
])("refuses %j", (json, message) => {
  expect(() => generationConfig.parse(json)).toThrow(message);
});

test("temperature 0 passes where nothing is sampled", () => {
  expect(generationConfig.parse({ temperature: 0, do_sample: false }).temperature).toBe(0);
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

test.each(keys.trim().split(/\s+/))("%s is used, fixed, or ignored for a reason", (key) => {
  expect(generationConfig.explain(key)).toBeDefined();
});

const value = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(0, -1, 1e308, 2 ** 53, 0.5, 1, "", "a", true, null, [], {}, [1]),
);
const key = fc.constantFrom(...keys.trim().split(/\s+/), "__proto__", "constructor", "unknown");

test("mutated files are read or refused, and what is read comes back", () => {
  fc.assert(
    fc.property(fc.dictionary(key, value), fc.subarray(Object.keys(trinity)), (edits, removed) => {
      const entries = Object.entries({ ...trinity, ...edits }).filter(([name]) => !removed.includes(name));
      const json: unknown = Object.fromEntries(entries);
      let config: GenerationConfig;
      try {
        config = generationConfig.parse(json);
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        return;
      }
      expect(generationConfig.toJSON(config)).toEqual(json);
    }),
    { numRuns: RUNS },
  );
});
