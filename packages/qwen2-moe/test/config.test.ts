import { readFileSync } from "node:fs";
import { ConfigError } from "@mixtape/config";
import { expect, test } from "vitest";
import { qwen2MoeConfig } from "../src/config.js";

const fixtures = new URL("../../testing/__fixtures__/configs/", import.meta.url);
const fixture = (name: string) => JSON.parse(readFileSync(new URL(name, fixtures), "utf8")) as Record<string, unknown>;
const parse = (keys: object) => qwen2MoeConfig.parse({ model_type: "qwen2_moe", num_hidden_layers: 2, ...keys });

test("the defaults are transformers'", () => {
  const config = qwen2MoeConfig.parse({ model_type: "qwen2_moe" });
  expect(config).toMatchObject({
    vocabSize: 151_936,
    hiddenSize: 2048,
    intermediateSize: 5632,
    moeIntermediateSize: 1408,
    sharedExpertIntermediateSize: 5632,
    numHiddenLayers: 24,
    numAttentionHeads: 16,
    numKeyValueHeads: 16,
    headDim: 128,
    hiddenAct: "silu",
    maxPositionEmbeddings: 32_768,
    rmsNormEps: 1e-6,
    ropeParameters: { ropeType: "default", ropeTheta: 1e4, partialRotaryFactor: 1 },
    useSlidingWindow: false,
    slidingWindow: null,
    maxWindowLayers: 28,
    qkvBias: true,
    bosTokenId: null,
    eosTokenId: null,
    padTokenId: null,
    numExperts: 60,
    numExpertsPerTok: 4,
    normTopkProb: false,
    routerAuxLossCoef: 0.001,
    decoderSparseStep: 1,
    mlpOnlyLayers: [],
    attentionBias: false,
  });
  expect(config.mlpLayerTypes).toEqual(Array(24).fill("sparse"));
});

test("the released config comes back key by key, and means what transformers 5 writes for it", () => {
  const name = "Qwen1.5-MoE-A2.7B-Chat.json";
  const json = fixture(name);
  const config = qwen2MoeConfig.parse(json, { file: name });
  expect(config).toMatchObject({ slidingWindow: null, ropeParameters: { ropeTheta: 1e6 }, dtype: "bfloat16" });
  expect(JSON.stringify(qwen2MoeConfig.toJSON(config))).toBe(JSON.stringify(json));
  const again = qwen2MoeConfig.parse(fixture(`v5/${name}`));
  expect(JSON.parse(JSON.stringify(config))).toEqual(JSON.parse(JSON.stringify(again)));
});

test("a window holds only where it is switched on, on every other of the first layers", () => {
  const [full, sliding] = ["full_attention", "sliding_attention"];
  const layers = (keys: object) => parse({ num_hidden_layers: 5, sliding_window: 8, ...keys }).layerTypes;
  expect(layers({ max_window_layers: 3 })).toEqual(Array(5).fill(full));
  expect(layers({ max_window_layers: 3, use_sliding_window: true })).toEqual([sliding, full, sliding, full, full]);
  const layerTypes = [full, full, full, full, sliding];
  expect(layers({ layer_types: layerTypes, use_sliding_window: true })).toEqual(layerTypes);
  expect(parse({ sliding_window: 8 }).slidingWindow).toBeNull();
  expect(parse({ sliding_window: 8, use_sliding_window: true }).slidingWindow).toBe(8);
});

test("which layers have experts", () => {
  const layers = (keys: object) => parse({ num_hidden_layers: 4, ...keys }).mlpLayerTypes;
  expect(layers({ decoder_sparse_step: 2 })).toEqual(["dense", "sparse", "dense", "sparse"]);
  expect(layers({ mlp_only_layers: [1] })).toEqual(["sparse", "dense", "sparse", "sparse"]);
  expect(layers({ num_experts: 0 })).toEqual(Array(4).fill("dense"));
});

test.each<[object, string]>([
  [{ num_experts: 3 }, "config.json: num_experts_per_tok: expected at most the number of experts, 3, got 4."],
  [{ mlp_only_layers: [2] }, "config.json: mlp_only_layers: expected layers below 2, the number of layers, got 2."],
  [
    { attention_bias: true },
    "config.json: attention_bias: expected false, as qkv_bias sets the biases of queries, keys and values",
  ],
  [
    { layer_types: ["full_attention", "sliding_attention"] },
    "config.json: sliding_window: expected a window size for the sliding layers, got null.",
  ],
  [{ partial_rotary_factor: 0.5 }, "config.json: partial_rotary_factor: expected 1, as this model rotates whole heads"],
])("refuses %j", (keys, message) => {
  expect(() => parse(keys)).toThrow(message);
  expect(() => parse(keys)).toThrow(ConfigError);
});
