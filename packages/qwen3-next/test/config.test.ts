import { readFileSync } from "node:fs";
import { ConfigError } from "@mixtape/config";
import { expect, test } from "vitest";
import { qwen3NextConfig } from "../src/config.js";

const fixtures = new URL("../../testing/__fixtures__/configs/", import.meta.url);
const fixture = (name: string) => JSON.parse(readFileSync(new URL(name, fixtures), "utf8")) as Record<string, unknown>;
const parse = (keys: object) => qwen3NextConfig.parse({ model_type: "qwen3_next", num_hidden_layers: 4, ...keys });
const [linear, full] = ["linear_attention", "full_attention"];

test("the defaults are transformers'", () => {
  const config = qwen3NextConfig.parse({ model_type: "qwen3_next" });
  expect(config).toMatchObject({
    vocabSize: 151_936,
    hiddenSize: 2048,
    intermediateSize: 5632,
    numHiddenLayers: 48,
    numAttentionHeads: 16,
    numKeyValueHeads: 2,
    headDim: 256,
    hiddenAct: "silu",
    maxPositionEmbeddings: 32_768,
    rmsNormEps: 1e-6,
    ropeParameters: { ropeType: "default", ropeTheta: 1e4, partialRotaryFactor: 0.25 },
    linearConvKernelDim: 4,
    linearKeyHeadDim: 128,
    linearValueHeadDim: 128,
    linearNumKeyHeads: 16,
    linearNumValueHeads: 32,
    decoderSparseStep: 1,
    moeIntermediateSize: 512,
    sharedExpertIntermediateSize: 512,
    numExperts: 512,
    numExpertsPerTok: 10,
    normTopkProb: true,
    routerAuxLossCoef: 0.001,
    mlpOnlyLayers: [],
    slidingWindow: null,
    attentionBias: false,
  });
  expect(config.layerTypes).toEqual(Array.from({ length: 12 }, () => [linear, linear, linear, full]).flat());
  expect(config.mlpLayerTypes).toEqual(Array(48).fill("sparse"));
});

test("the released config comes back key by key, and means what transformers 5 writes for it", () => {
  const name = "Qwen3-Next-80B-A3B-Instruct.json";
  const json = fixture(name);
  const config = qwen3NextConfig.parse(json, { file: name });
  expect(config).toMatchObject({ ropeParameters: { ropeTheta: 1e7, partialRotaryFactor: 0.25 }, numExperts: 512 });
  expect(JSON.stringify(qwen3NextConfig.toJSON(config))).toBe(JSON.stringify(json));
  const again = qwen3NextConfig.parse(fixture(`v5/${name}`));
  expect(JSON.parse(JSON.stringify(config))).toEqual(JSON.parse(JSON.stringify(again)));
});

test("layer_types count before the interval", () => {
  expect(parse({ full_attention_interval: 2 }).layerTypes).toEqual([linear, full, linear, full]);
  const layer_types = [full, full, linear, full];
  expect(parse({ layer_types, full_attention_interval: 2 }).layerTypes).toEqual(layer_types);
});

test.each([{ partial_rotary_factor: 0.5 }, { rope_parameters: { rope_type: "default", partial_rotary_factor: 0.5 } }])(
  "%j rotates half of each head",
  (keys) => {
    const config = parse(keys);
    expect(config.ropeParameters.partialRotaryFactor).toBe(0.5);
    expect(qwen3NextConfig.parse(qwen3NextConfig.toJSON(config)).ropeParameters.partialRotaryFactor).toBe(0.5);
  },
);

test("whole heads are written down, since a quarter is the default", () => {
  const config = qwen3NextConfig.create({ ropeParameters: { ropeType: "default", partialRotaryFactor: 1 } });
  expect(config.ropeParameters.partialRotaryFactor).toBe(1);
  expect(qwen3NextConfig.parse(qwen3NextConfig.toJSON(config)).ropeParameters.partialRotaryFactor).toBe(1);
});

test.each<[object, string]>([
  [{ num_experts: 4 }, "config.json: num_experts_per_tok: expected at most the number of experts, 4, got 10."],
  [
    { linear_num_value_heads: 24 },
    "config.json: linear_num_value_heads: expected a multiple of linear_num_key_heads, 16, got 24.",
  ],
  [{ linear_conv_kernel_dim: 1 }, "config.json: linear_conv_kernel_dim: expected an integer of at least 2, got 1."],
  [{ sliding_window: 8 }, "config.json: sliding_window: expected null"],
  [{ use_sliding_window: true }, "config.json: use_sliding_window: expected false"],
  [
    { layer_types: [linear, linear, linear, "sliding_attention"] },
    'config.json: layer_types[3]: expected one of "linear_attention", "full_attention", got "sliding_attention".',
  ],
])("refuses %j", (keys, message) => {
  expect(() => parse(keys)).toThrow(message);
  expect(() => parse(keys)).toThrow(ConfigError);
});
