import { readFileSync } from "node:fs";
import { ConfigError } from "@mixtape/config";
import { expect, test } from "vitest";
import { gptOssConfig } from "../src/config.js";

const fixtures = new URL("../../testing/__fixtures__/configs/", import.meta.url);
const fixture = (name: string) => JSON.parse(readFileSync(new URL(name, fixtures), "utf8")) as Record<string, unknown>;
const parse = (keys: object) => gptOssConfig.parse({ model_type: "gpt_oss", num_hidden_layers: 4, ...keys });
const [sliding, full] = ["sliding_attention", "full_attention"];

test("the defaults are transformers'", () => {
  const config = gptOssConfig.parse({ model_type: "gpt_oss" });
  expect(config).toMatchObject({
    vocabSize: 201_088,
    hiddenSize: 2880,
    intermediateSize: 2880,
    moeIntermediateSize: 2880,
    numHiddenLayers: 36,
    numAttentionHeads: 64,
    numKeyValueHeads: 8,
    headDim: 64,
    hiddenAct: "silu",
    maxPositionEmbeddings: 131_072,
    rmsNormEps: 1e-5,
    ropeParameters: {
      ropeType: "yarn",
      ropeTheta: 150_000,
      factor: 32,
      betaFast: 32,
      betaSlow: 1,
      truncate: false,
      originalMaxPositionEmbeddings: 4096,
    },
    slidingWindow: 128,
    bosTokenId: null,
    eosTokenId: null,
    padTokenId: null,
    numExperts: 128,
    numExpertsPerTok: 4,
    routerAuxLossCoef: 0.001,
    attentionBias: true,
  });
  expect(config.layerTypes).toEqual(Array.from({ length: 18 }, () => [sliding, full]).flat());
  expect(config.mlpLayerTypes).toEqual(Array(36).fill("sparse"));
});

test.each(["gpt-oss-20b.json", "gpt-oss-120b.json"])(
  "the released %s comes back key by key, and means what transformers 5 writes for it",
  (name) => {
    const json = fixture(name);
    const config = gptOssConfig.parse(json, { file: name });
    expect(config).toMatchObject({ moeIntermediateSize: 2880, numExpertsPerTok: 4, slidingWindow: 128 });
    expect(config.ropeParameters).toMatchObject({ ropeType: "yarn", factor: 32, truncate: false });
    expect(JSON.stringify(gptOssConfig.toJSON(config))).toBe(JSON.stringify(json));
    const again = gptOssConfig.parse(fixture(`v5/${name}`));
    expect(JSON.parse(JSON.stringify(config))).toEqual(JSON.parse(JSON.stringify(again)));
  },
);

test("a config alone refuses MXFP4, with the way out", () => {
  const quantization_config = { modules_to_not_convert: ["lm_head"], quant_method: "mxfp4" };
  const message =
    'config.json: quantization_config: expected null, since a config alone does not read quantised weights, got quant_method "mxfp4". ' +
    "Load the checkpoint with loadModel or fromPretrained.";
  const read = () => gptOssConfig.parse({ ...fixture("gpt-oss-20b.json"), quantization_config });
  expect(read).toThrow(message);
  expect(read).toThrow(ConfigError);
});

test("RoPE is YaRN only where the file has no parameters", () => {
  expect(parse({ rope_theta: 1e4 }).ropeParameters).toMatchObject({ ropeType: "yarn", ropeTheta: 1e4, factor: 32 });
  const plain = parse({ rope_parameters: { rope_type: "default" } });
  expect(plain.ropeParameters).toEqual({ ropeType: "default", ropeTheta: 150_000, partialRotaryFactor: 1 });
});

test.each<object>([
  {},
  { rope_theta: 1e4 },
  { rope_parameters: { rope_type: "default" } },
  { rope_theta: 1e4, rope_scaling: { rope_type: "default" } },
])("RoPE of %j comes back as it was", (keys) => {
  const config = parse(keys);
  const again = gptOssConfig.parse(JSON.parse(gptOssConfig.stringify(config)));
  expect(again.ropeParameters).toEqual(config.ropeParameters);
});

test("what was changed to plain RoPE in code is written down, since YaRN is the default", () => {
  const plain = { ropeType: "default", ropeTheta: 1e4 } as const;
  for (const config of [
    gptOssConfig.create({ ropeParameters: plain }),
    gptOssConfig.with(parse({ rope_theta: 1e4 }), { ropeParameters: plain }),
  ])
    expect(gptOssConfig.parse(gptOssConfig.toJSON(config)).ropeParameters.ropeType).toBe("default");
});

test.each<[object, string]>([
  [{ num_local_experts: 3 }, "config.json: num_experts_per_tok: expected at most the number of experts, 3, got 4."],
  [{ experts_per_token: 2 }, "config.json: experts_per_token: expected 4"],
  [{ swiglu_limit: 5 }, "config.json: swiglu_limit: expected 7"],
  [{ sliding_window: null }, "config.json: sliding_window: expected a window size for the sliding layers, got null."],
  [{ partial_rotary_factor: 0.5 }, "config.json: partial_rotary_factor: expected 1, as this model rotates whole heads"],
])("refuses %j", (keys, message) => {
  expect(() => parse(keys)).toThrow(message);
  expect(() => parse(keys)).toThrow(ConfigError);
});
