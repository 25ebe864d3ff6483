import { readFileSync } from "node:fs";
import { ConfigError } from "@mixtape/config";
import { expect, test } from "vitest";
import { deepseekV3Config } from "../src/config.js";

const fixtures = new URL("../../testing/__fixtures__/configs/", import.meta.url);
const fixture = (name: string) => JSON.parse(readFileSync(new URL(name, fixtures), "utf8")) as Record<string, unknown>;
const parse = (keys: object) => deepseekV3Config.parse({ model_type: "deepseek_v3", num_hidden_layers: 4, ...keys });

test("the defaults are transformers'", () => {
  const config = deepseekV3Config.parse({ model_type: "deepseek_v3" });
  expect(config).toMatchObject({
    vocabSize: 129_280,
    hiddenSize: 7168,
    intermediateSize: 18_432,
    moeIntermediateSize: 2048,
    numHiddenLayers: 61,
    numAttentionHeads: 128,
    numKeyValueHeads: 128,
    headDim: 64,
    hiddenAct: "silu",
    maxPositionEmbeddings: 4096,
    rmsNormEps: 1e-6,
    ropeParameters: { ropeType: "default", ropeTheta: 1e4, partialRotaryFactor: 1 },
    ropeInterleave: true,
    slidingWindow: null,
    bosTokenId: 0,
    eosTokenId: 1,
    padTokenId: null,
    firstKDenseReplace: 3,
    numExperts: 256,
    numExpertsPerTok: 8,
    numSharedExperts: 1,
    nGroup: 8,
    topkGroup: 4,
    normTopkProb: true,
    routeScale: 2.5,
    qLoraRank: 1536,
    kvLoraRank: 512,
    qkNopeHeadDim: 128,
    qkRopeHeadDim: 64,
    vHeadDim: 128,
    numNextnPredictLayers: 1,
    attentionBias: false,
  });
  expect(config.mlpLayerTypes).toEqual([...Array(3).fill("dense"), ...Array(58).fill("sparse")]);
});

test("the released config comes back key by key, and means what transformers 5 writes for it", () => {
  const name = "DeepSeek-V3.json";
  const json = fixture(name);
  const config = deepseekV3Config.parse(json, { file: name });
  expect(config.ropeParameters).toMatchObject({ ropeType: "yarn", factor: 40, mscale: 1, mscaleAllDim: 1 });
  expect(JSON.stringify(deepseekV3Config.toJSON(config))).toBe(JSON.stringify(json));
  const again = deepseekV3Config.parse(fixture(`v5/${name}`));
  expect(JSON.parse(JSON.stringify(config))).toEqual(JSON.parse(JSON.stringify(again)));
});

test("the keys go by transformers' other names too", () => {
  expect(parse({ num_local_experts: 16, num_mtp_layers: 0 })).toMatchObject({
    numExperts: 16,
    numNextnPredictLayers: 0,
  });
  expect(parse({ rope_interleave: null, num_key_value_heads: null })).toMatchObject({
    ropeInterleave: false,
    numKeyValueHeads: 128,
  });
});

test.each<[object, string]>([
  [{ n_routed_experts: 10 }, "config.json: n_group: expected a divisor of the number of experts, 10, got 8."],
  [
    { topk_group: 9 },
    "config.json: topk_group: expected from 1, which hold 8 experts, to 8, the number of groups, got 9.",
  ],
  [{ n_routed_experts: 16, topk_group: 3 }, "config.json: topk_group: expected from 4, which hold 8 experts, to 8"],
  [
    { num_key_value_heads: 64 },
    "config.json: num_key_value_heads: expected 128, as each head has its own keys and values, got 64.",
  ],
  [{ head_dim: 192 }, "config.json: head_dim: expected 64, the width of rotary positions, got 192."],
  [{ qk_rope_head_dim: 7 }, "config.json: head_dim: expected an even number of rotated features, at least 2, got 7."],
  [{ qk_head_dim: 128 }, "config.json: qk_head_dim: expected 192 or null"],
  [{ scoring_func: "softmax" }, 'config.json: scoring_func: expected "sigmoid"'],
  [{ topk_method: "greedy" }, 'config.json: topk_method: expected "noaux_tc"'],
  [{ sliding_window: 8 }, "config.json: sliding_window: expected null, as DeepSeek-V3's layers do not slide"],
  [{ quantization_config: { quant_method: "fp8" } }, "config.json: quantization_config: expected null"],
])("refuses %j", (keys, message) => {
  expect(() => parse(keys)).toThrow(message);
  expect(() => parse(keys)).toThrow(ConfigError);
});
