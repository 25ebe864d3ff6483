import { readFileSync } from "node:fs";
import { ConfigError } from "@mixtape/config";
import { expect, test } from "vitest";
import { olmoeConfig } from "../src/config.js";

const fixtures = new URL("../../testing/__fixtures__/configs/", import.meta.url);
const fixture = (name: string) => JSON.parse(readFileSync(new URL(name, fixtures), "utf8")) as Record<string, unknown>;
const parse = (keys: object) => olmoeConfig.parse({ model_type: "olmoe", num_hidden_layers: 2, ...keys });

test("the defaults are transformers'", () => {
  const config = olmoeConfig.parse({ model_type: "olmoe" });
  expect(config).toMatchObject({
    vocabSize: 50_304,
    hiddenSize: 2048,
    intermediateSize: 2048,
    moeIntermediateSize: 2048,
    numHiddenLayers: 16,
    numAttentionHeads: 16,
    numKeyValueHeads: 16,
    headDim: 128,
    hiddenAct: "silu",
    maxPositionEmbeddings: 4096,
    rmsNormEps: 1e-5,
    ropeParameters: { ropeType: "default", ropeTheta: 1e4, partialRotaryFactor: 1 },
    slidingWindow: null,
    bosTokenId: null,
    eosTokenId: 50_279,
    padTokenId: 1,
    clipQkv: null,
    numExperts: 64,
    numExpertsPerTok: 8,
    normTopkProb: false,
    routerAuxLossCoef: 0.01,
    attentionBias: false,
  });
  expect(config.mlpLayerTypes).toEqual(Array(16).fill("sparse"));
});

test("the released config comes back key by key, and means what transformers 5 writes for it", () => {
  const name = "OLMoE-1B-7B-0924.json";
  const json = fixture(name);
  const config = olmoeConfig.parse(json, { file: name });
  expect(config).toMatchObject({ moeIntermediateSize: 1024, numHiddenLayers: 16, dtype: "bfloat16" });
  expect(JSON.stringify(olmoeConfig.toJSON(config))).toBe(JSON.stringify(json));
  const again = olmoeConfig.parse(fixture(`v5/${name}`));
  expect(JSON.parse(JSON.stringify(config))).toEqual(JSON.parse(JSON.stringify(again)));
});

test.each<[object, string]>([
  [{ num_experts: 4 }, "config.json: num_experts_per_tok: expected at most the number of experts, 4, got 8."],
  [{ clip_qkv: -1 }, "config.json: clip_qkv: expected a number of at least 0, got -1."],
  [{ head_dim: 64 }, "config.json: head_dim: expected 128, hidden_size / num_attention_heads, got 64."],
  [{ sliding_window: 8 }, "config.json: sliding_window: expected null"],
  [{ partial_rotary_factor: 0.5 }, "config.json: partial_rotary_factor: expected 1, as this model rotates whole heads"],
])("refuses %j", (keys, message) => {
  expect(() => parse(keys)).toThrow(message);
  expect(() => parse(keys)).toThrow(ConfigError);
});
