import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  ConfigError,
  contextLength,
  decoderConfig,
  defineConfig,
  int,
  type RopeParameters,
  rope,
} from "../src/index.js";
import { snakeCase } from "../src/json.js";

const small = {
  model_type: "decoder",
  hidden_size: 64,
  num_attention_heads: 4,
  max_position_embeddings: 256,
};
const read = (keys: object): RopeParameters => decoderConfig.parse({ ...small, ...keys }).ropeParameters;
const plain = { ropeType: "default", ropeTheta: 10_000, partialRotaryFactor: 1 };
const yarn = {
  ropeType: "yarn",
  ropeTheta: 10_000,
  partialRotaryFactor: 1,
  attentionFactor: null,
  betaFast: 32,
  betaSlow: 1,
  mscale: null,
  mscaleAllDim: null,
  truncate: true,
};
const eight = [1, 1, 1, 2, 2, 2, 4, 4];

describe("reading, as transformers 5.18 does", () => {
  test.each<[string, object, object]>([
    ["nothing", {}, plain],
    ["nulls", { rope_scaling: null, rope_parameters: null }, plain],
    ["empty objects", { rope_scaling: {}, rope_parameters: {} }, plain],
    ["rope_theta alone", { rope_theta: 5e5 }, { ...plain, ropeTheta: 5e5 }],
    ["rope_theta inside goes first", { rope_theta: 5, rope_parameters: { rope_theta: 7 } }, { ...plain, ropeTheta: 7 }],
    [
      "rope_scaling replaces rope_parameters whole",
      {
        rope_scaling: { type: "linear", factor: 2 },
        rope_parameters: { rope_type: "dynamic", factor: 3, rope_theta: 9 },
      },
      { ...plain, ropeType: "linear", factor: 2 },
    ],
    [
      "rope_type goes before type",
      { rope_scaling: { type: "su", rope_type: "linear", factor: 2 } },
      { ...plain, ropeType: "linear", factor: 2 },
    ],
    ["dynamic", { rope_scaling: { type: "dynamic", factor: 2 } }, { ...plain, ropeType: "dynamic", factor: 2 }],
    ["partial_rotary_factor at the top", { partial_rotary_factor: 0.5 }, { ...plain, partialRotaryFactor: 0.5 }],
    [
      "partial_rotary_factor inside goes first",
      { partial_rotary_factor: 0.5, rope_parameters: { partial_rotary_factor: 0.25 } },
      { ...plain, partialRotaryFactor: 0.25 },
    ],
    [
      "yarn takes the context for the original one",
      { rope_scaling: { rope_type: "yarn", factor: 4 } },
      { ...yarn, factor: 4, originalMaxPositionEmbeddings: 256 },
    ],
    [
      "yarn with a null factor",
      { rope_parameters: { rope_type: "yarn", factor: null, original_max_position_embeddings: 64 } },
      { ...yarn, factor: 4, originalMaxPositionEmbeddings: 64 },
    ],
    [
      "yarn in full",
      {
        rope_parameters: {
          rope_type: "yarn",
          rope_theta: 1e6,
          factor: 4,
          original_max_position_embeddings: 64,
          attention_factor: 1.5,
          beta_fast: 16,
          beta_slow: 2,
          mscale: 0.7,
          mscale_all_dim: 1,
          truncate: false,
          partial_rotary_factor: 0.5,
        },
      },
      {
        ropeType: "yarn",
        ropeTheta: 1e6,
        factor: 4,
        originalMaxPositionEmbeddings: 64,
        attentionFactor: 1.5,
        betaFast: 16,
        betaSlow: 2,
        mscale: 0.7,
        mscaleAllDim: 1,
        truncate: false,
        partialRotaryFactor: 0.5,
      },
    ],
    [
      "the original context at the top goes first",
      {
        original_max_position_embeddings: 32,
        rope_scaling: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 64 },
      },
      { ...yarn, factor: 4, originalMaxPositionEmbeddings: 32 },
    ],
    [
      "longrope",
      {
        original_max_position_embeddings: 64,
        rope_scaling: { type: "longrope", short_factor: eight, long_factor: eight },
      },
      {
        ...plain,
        ropeType: "longrope",
        factor: 4,
        originalMaxPositionEmbeddings: 64,
        attentionFactor: null,
        shortFactor: eight,
        longFactor: eight,
      },
    ],
    [
      "llama3",
      {
        rope_theta: 5e5,
        rope_scaling: {
          rope_type: "llama3",
          factor: 8,
          low_freq_factor: 1,
          high_freq_factor: 4,
          original_max_position_embeddings: 128,
        },
      },
      {
        ropeType: "llama3",
        ropeTheta: 5e5,
        partialRotaryFactor: 1,
        factor: 8,
        lowFreqFactor: 1,
        highFreqFactor: 4,
        originalMaxPositionEmbeddings: 128,
      },
    ],
    [
      "proportional, whose factor has a default",
      { rope_parameters: { rope_type: "proportional", rope_theta: 1e6, partial_rotary_factor: 0.25 } },
      { ropeType: "proportional", ropeTheta: 1e6, partialRotaryFactor: 0.25, factor: 1 },
    ],
    [
      "keys that no formula reads",
      {
        original_max_position_embeddings: 64,
        rope_scaling: { type: "linear", factor: 2, finetuned: true, beta_fast: null },
      },
      { ...plain, ropeType: "linear", factor: 2 },
    ],
  ])("%s", (_, keys, expected) => {
    const parameters = read(keys);
    expect(parameters).toEqual(expected);
    expect(
      decoderConfig.create({
        hiddenSize: 64,
        numAttentionHeads: 4,
        maxPositionEmbeddings: 256,
        ropeParameters: parameters,
      }),
    ).toMatchObject({ ropeParameters: expected });
  });
});

describe("golden values of transformers 5.18", () => {
  const golden = new URL("../../testing/__fixtures__/rope.json", import.meta.url);
  const cases = JSON.parse(readFileSync(golden, "utf8")) as Record<string, GoldenCase>;
  // The golden configs are Mixtral's, whose θ this is.
  const theta = defineConfig({
    modelType: "mixtral",
    extends: decoderConfig,
    fields: { maxPositionEmbeddings: int().default(131_072), ropeParameters: rope({ defaultTheta: 1e6 }) },
  });

  test.each(Object.entries(cases))("%s", (_, { config, rope_parameters: { type: _legacy, ...expected } }) => {
    const parsed = theta.parse({ model_type: "mixtral", ...config });
    const actual = Object.fromEntries(Object.entries(parsed.ropeParameters).map(([k, v]) => [snakeCase(k), v]));
    // A null factor is worked out here, and in the frequencies there.
    if (expected.factor === null) {
      expected.factor = parsed.maxPositionEmbeddings / Number(expected.original_max_position_embeddings);
    }
    expect(actual).toMatchObject(expected);
  });
});

interface GoldenCase {
  readonly config: Record<string, unknown>;
  readonly rope_parameters: Record<string, unknown>;
}

describe("faults", () => {
  const fault = (keys: object): string => {
    try {
      read(keys);
    } catch (error) {
      if (error instanceof ConfigError) return error.message;
    }
    throw new Error("expected a ConfigError");
  };
  const longrope = { type: "longrope", short_factor: eight, long_factor: eight, original_max_position_embeddings: 64 };
  const llama3 = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };

  test.each<[string, object, string]>([
    [
      "an unknown type",
      { rope_scaling: { type: "su", factor: 2 } },
      'config.json: rope_scaling.rope_type: expected one of "default", "linear", "dynamic", "yarn", "longrope", "llama3", "proportional"',
    ],
    [
      "a missing factor",
      { rope_parameters: { rope_type: "linear" } },
      "rope_parameters.factor: expected a number above 0, got nothing",
    ],
    [
      "a factor of 0",
      { rope_scaling: { type: "dynamic", factor: 0 } },
      "rope_scaling.factor: expected a number above 0, got 0",
    ],
    ["a word for a factor", { rope_scaling: { type: "linear", factor: "2" } }, 'got "2"'],
    ["θ at the top", { rope_theta: 0 }, "config.json: rope_theta: expected a number above 0, got 0"],
    [
      "θ inside",
      { rope_theta: 5, rope_scaling: { type: "linear", factor: 2, rope_theta: 0 } },
      "config.json: rope_scaling.rope_theta: expected a number above 0, got 0",
    ],
    [
      "θ that yarn cannot use, at the top",
      { rope_theta: 0.5, rope_scaling: { type: "yarn", factor: 2 } },
      "config.json: rope_theta: expected a number above 1",
    ],
    [
      "a parameter of another type",
      { rope_scaling: { type: "linear", factor: 2, beta_fast: 32 } },
      'rope_scaling.beta_fast: expected a parameter of rope_type "linear" (rope_type, rope_theta, partial_rotary_factor, factor), got 32',
    ],
    ["an unknown parameter", { rope_parameters: { mrope_section: [1, 2] } }, "rope_parameters.mrope_section: expected"],
    [
      "camelCase in the file",
      { rope_parameters: { ropeTheta: 5 } },
      'rope_parameters: expected parameters in snake_case, got "ropeTheta"',
    ],
    [
      "parameters by layer type",
      { rope_parameters: { full_attention: { rope_theta: 5 } } },
      "rope_parameters.full_attention: expected",
    ],
    ["a list", { rope_scaling: [] }, "rope_scaling: expected an object or null, got []"],
    ["text", { rope_parameters: "yarn" }, 'rope_parameters: expected an object or null, got "yarn"'],
    [
      "factors of the wrong length",
      { rope_scaling: { ...longrope, long_factor: [1] } },
      "rope_scaling.long_factor: expected 8 numbers, one for each rotated pair of features, got 1",
    ],
    [
      "factors with a zero",
      { rope_scaling: { ...longrope, short_factor: [...eight.slice(1), 0] } },
      "rope_scaling.short_factor[7]: expected a number above 0, got 0",
    ],
    [
      "a context of 1 under a logarithm",
      { rope_scaling: { ...longrope, original_max_position_embeddings: 1 } },
      "rope_scaling.original_max_position_embeddings: expected an integer of at least 2, got 1",
    ],
    [
      "crossed frequency factors",
      { rope_scaling: { ...llama3, high_freq_factor: 1 } },
      "rope_scaling.high_freq_factor: expected more than the low frequency factor, 1, got 1",
    ],
    [
      "crossed bounds of yarn",
      { rope_scaling: { type: "yarn", factor: 2, beta_fast: 0.5 } },
      "rope_scaling.beta_fast: expected at least the slow bound, 1, got 0.5",
    ],
    [
      "θ = 1 for yarn",
      { rope_scaling: { type: "yarn", factor: 2, rope_theta: 1 } },
      'rope_scaling.rope_theta: expected a number above 1 for "yarn", got 1',
    ],
    ["an odd head", { head_dim: 15 }, "head_dim: expected an even number of rotated features, at least 2, got 15"],
    [
      "an odd part of a head",
      { partial_rotary_factor: 0.2 },
      "head_dim: expected an even number of rotated features, at least 2, got 3 of 16",
    ],
    [
      "a head of 2 for dynamic",
      { head_dim: 2, rope_scaling: { type: "dynamic", factor: 2 } },
      'head_dim: expected more than 2 rotated features for "dynamic", got 2',
    ],
  ])("%s", (_, keys, message) => {
    expect(fault(keys)).toContain(message);
  });

  test("are listed along with those of other fields", () => {
    const message = fault({ hidden_size: "wide", rope_scaling: { type: "linear" } });
    expect(message).toContain("hidden_size: expected");
    expect(message).toContain("rope_scaling.factor: expected");
  });

  test("are in camelCase for a config made in code", () => {
    expect(() => decoderConfig.create({ ropeParameters: { ropeType: "linear", factor: 0 } })).toThrow(
      "decoder config: ropeParameters.factor: expected a number above 0, got 0.",
    );
  });
});

describe("writing", () => {
  const linear: RopeParameters = { ropeType: "linear", ropeTheta: 7, partialRotaryFactor: 1, factor: 2 };
  const rewrite = (keys: object, ropeParameters: RopeParameters) => {
    const json = decoderConfig.toJSON({ ...decoderConfig.parse({ ...small, ...keys }), ropeParameters });
    expect(decoderConfig.parse(json).ropeParameters).toEqual(ropeParameters);
    return Object.fromEntries(Object.entries(json).filter(([key]) => !(key in small)));
  };

  test.each<[string, object, RopeParameters, object]>([
    ["no keys", {}, linear, { rope_parameters: { rope_type: "linear", rope_theta: 7, factor: 2 } }],
    [
      "version 5",
      { rope_parameters: { rope_theta: 5 } },
      linear,
      { rope_parameters: { rope_type: "linear", rope_theta: 7, factor: 2 } },
    ],
    ["legacy θ", { rope_theta: 5 }, { ropeType: "default", ropeTheta: 7, partialRotaryFactor: 1 }, { rope_theta: 7 }],
    [
      "legacy",
      { rope_theta: 5, rope_scaling: null },
      linear,
      { rope_theta: 7, rope_scaling: { rope_type: "linear", factor: 2 } },
    ],
    [
      "legacy type, and a key that no formula reads",
      { rope_theta: 5, rope_scaling: { type: "dynamic", factor: 3, finetuned: true } },
      linear,
      { rope_theta: 7, rope_scaling: { type: "linear", factor: 2, finetuned: true } },
    ],
    [
      "legacy without θ",
      { rope_scaling: { type: "dynamic", factor: 3 } },
      linear,
      { rope_scaling: { type: "linear", factor: 2, rope_theta: 7 } },
    ],
    [
      "θ in both places",
      { rope_theta: 5, rope_parameters: { rope_theta: 6 } },
      linear,
      { rope_theta: 7, rope_parameters: { rope_type: "linear", rope_theta: 7, factor: 2 } },
    ],
    [
      "the original context at the top",
      { original_max_position_embeddings: 64, rope_scaling: { type: "yarn", factor: 4 } },
      { ...yarn, ropeType: "yarn", factor: 8, originalMaxPositionEmbeddings: 32 },
      {
        original_max_position_embeddings: 32,
        rope_scaling: {
          type: "yarn",
          rope_theta: 10_000,
          factor: 8,
          original_max_position_embeddings: 32,
          beta_fast: 32,
          beta_slow: 1,
          truncate: true,
        },
      },
    ],
    [
      "part of a head",
      { partial_rotary_factor: 0.5 },
      { ...linear, partialRotaryFactor: 0.25 },
      {
        partial_rotary_factor: 0.25,
        rope_parameters: { rope_type: "linear", rope_theta: 7, factor: 2, partial_rotary_factor: 0.25 },
      },
    ],
    [
      "the whole head again",
      { rope_parameters: { partial_rotary_factor: 0.5 }, partial_rotary_factor: 0.5 },
      linear,
      { partial_rotary_factor: 1, rope_parameters: { rope_type: "linear", rope_theta: 7, factor: 2 } },
    ],
  ])("%s", (_, keys, parameters, expected) => {
    expect(rewrite(keys, parameters)).toEqual(expected);
  });

  test("refuses parameters that are none", () => {
    const config = decoderConfig.parse(small);
    for (const ropeParameters of [null, 5, "yarn", { ropeType: "su" }, { ropeType: "linear" }]) {
      expect(() => decoderConfig.toJSON({ ...config, ropeParameters } as unknown as typeof config)).toThrow(
        ConfigError,
      );
    }
  });
});

describe("the context", () => {
  const max = 40;
  const rope = (keys: object) =>
    contextLength(
      decoderConfig.parse({
        model_type: "decoder",
        hidden_size: 64,
        num_attention_heads: 4,
        max_position_embeddings: max,
        rope_scaling: keys,
      }),
    );

  test.each<[string, object, number]>([
    ["is max_position_embeddings", { type: "default" }, 40],
    ["is stretched by linear scaling", { type: "linear", factor: 4 }, 160],
    ["is not shortened by it", { type: "linear", factor: 0.5 }, 40],
    ["is stretched by the factor of proportional frequencies", { type: "proportional", factor: 8 }, 320],
    ["is that of YaRN", { type: "yarn", factor: 4, original_max_position_embeddings: 32 }, 128],
    ["is that of YaRN, from max_position_embeddings where there is no other", { type: "yarn", factor: 4 }, 160],
    [
      "is the longer one where the file has both",
      { type: "yarn", factor: 1.5, original_max_position_embeddings: 8 },
      40,
    ],
    [
      "is in max_position_embeddings for llama3",
      { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8 },
      40,
    ],
    ["has no end for dynamic", { type: "dynamic", factor: 2 }, Infinity],
  ])("%s", (_, keys, expected) => {
    expect(rope(keys)).toBe(expected);
  });
});
