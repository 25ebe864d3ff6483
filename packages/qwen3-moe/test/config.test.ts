import { readFileSync } from "node:fs";
import { ConfigError } from "@mixtape/config";
import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { type Qwen3MoeConfig, qwen3MoeConfig } from "../src/config.js";

/** A few hundred, and thousands in `npm run test:long`. */
const RUNS = process.env.MIXTAPE_TEST_LONG ? 2500 : 500;

const fixtures = new URL("../../testing/__fixtures__/configs/", import.meta.url);
const fixture = (name: string) => JSON.parse(readFileSync(new URL(name, fixtures), "utf8")) as Record<string, unknown>;
const parse = (keys: object) => qwen3MoeConfig.parse({ model_type: "qwen3_moe", num_hidden_layers: 6, ...keys });

test("the defaults are transformers'", () => {
  const config = qwen3MoeConfig.parse({ model_type: "qwen3_moe" });
  expect(config).toMatchObject({
    vocabSize: 151_936,
    hiddenSize: 2048,
    intermediateSize: 6144,
    moeIntermediateSize: 768,
    numHiddenLayers: 24,
    numAttentionHeads: 32,
    numKeyValueHeads: 4,
    headDim: 64,
    hiddenAct: "silu",
    maxPositionEmbeddings: 32_768,
    rmsNormEps: 1e-6,
    ropeParameters: { ropeType: "default", ropeTheta: 1e4, partialRotaryFactor: 1 },
    useSlidingWindow: false,
    slidingWindow: null,
    bosTokenId: null,
    eosTokenId: null,
    padTokenId: null,
    numExperts: 128,
    numExpertsPerTok: 8,
    normTopkProb: false,
    routerAuxLossCoef: 0.001,
    decoderSparseStep: 1,
    mlpOnlyLayers: [],
    attentionBias: false,
  });
  expect(config.mlpLayerTypes).toEqual(Array(24).fill("sparse"));
  expect(config.layerTypes).toEqual(Array(24).fill("full_attention"));
});

describe.each(["Qwen3-30B-A3B.json", "Qwen3-Coder-30B-A3B.json"])("%s", (name) => {
  test("comes back key by key, and means what transformers 5 writes for it", () => {
    const json = fixture(name);
    const config = qwen3MoeConfig.parse(json, { file: name });
    expect(JSON.stringify(qwen3MoeConfig.toJSON(config))).toBe(JSON.stringify(json));
    const again = qwen3MoeConfig.parse(fixture(`v5/${name}`));
    expect(JSON.parse(JSON.stringify(config))).toEqual(JSON.parse(JSON.stringify(again)));
  });
});

test("the released values", () => {
  expect(qwen3MoeConfig.parse(fixture("Qwen3-30B-A3B.json"))).toMatchObject({
    numHiddenLayers: 48,
    headDim: 128,
    normTopkProb: true,
    maxPositionEmbeddings: 40_960,
    ropeParameters: { ropeTheta: 1e6 },
    eosTokenId: 151_645,
    tieWordEmbeddings: false,
  });
  expect(qwen3MoeConfig.parse(fixture("Qwen3-Coder-30B-A3B.json"))).toMatchObject({
    maxPositionEmbeddings: 262_144,
    intermediateSize: 5472,
    routerAuxLossCoef: 0,
    ropeParameters: { ropeTheta: 1e7 },
  });
});

test("which layers have experts", () => {
  const [dense, sparse] = ["dense", "sparse"];
  const layers = (keys: object) => parse(keys).mlpLayerTypes;
  expect(layers({})).toEqual(Array(6).fill(sparse));
  expect(layers({ decoder_sparse_step: 2 })).toEqual([dense, sparse, dense, sparse, dense, sparse]);
  expect(layers({ decoder_sparse_step: 4 })).toEqual([dense, dense, dense, sparse, dense, dense]);
  expect(layers({ mlp_only_layers: [0, 5] })).toEqual([dense, sparse, sparse, sparse, sparse, dense]);
  expect(layers({ mlp_only_layers: [1], decoder_sparse_step: 2 })).toEqual([
    dense,
    dense,
    dense,
    sparse,
    dense,
    sparse,
  ]);
  expect(layers({ mlp_only_layers: null, num_experts: 0 })).toEqual(Array(6).fill(dense));
});

test("a window holds only where it is switched on, and then everywhere", () => {
  expect(parse({ sliding_window: 8 })).toMatchObject({
    slidingWindow: null,
    layerTypes: Array(6).fill("full_attention"),
  });
  const on = parse({ sliding_window: 8, use_sliding_window: true, max_window_layers: 3 });
  expect(on).toMatchObject({ slidingWindow: 8, layerTypes: Array(6).fill("sliding_attention") });
  expect(parse({ use_sliding_window: true }).slidingWindow).toBe(4096);
  expect(() => qwen3MoeConfig.create({ slidingWindow: 8 })).toThrow(
    "qwen3_moe config: slidingWindow: expected null, as derived from the other fields, got 8.",
  );
  expect(qwen3MoeConfig.create({ slidingWindow: 8, useSlidingWindow: true }).slidingWindow).toBe(8);
});

test("a window that is switched off is written back as it came", () => {
  const json = { model_type: "qwen3_moe", use_sliding_window: false, sliding_window: 4096, max_window_layers: 48 };
  expect(qwen3MoeConfig.toJSON({ ...qwen3MoeConfig.parse(json), normTopkProb: true })).toEqual({
    ...json,
    norm_topk_prob: true,
  });
});

test("head_dim: null means an even share, which crashes transformers", () => {
  expect(parse({ head_dim: null }).headDim).toBe(64);
});

test("the number of experts goes by either name", () => {
  expect(parse({ num_local_experts: 16 }).numExperts).toBe(16);
  expect(qwen3MoeConfig.toJSON({ ...parse({ num_local_experts: 16 }), numExperts: 8 })).toEqual({
    model_type: "qwen3_moe",
    num_hidden_layers: 6,
    num_local_experts: 8,
  });
  expect(qwen3MoeConfig.toJSON(qwen3MoeConfig.create())).toMatchObject({ num_experts: 128 });
  expect(() => parse({ num_local_experts: 16, num_experts: 8 })).toThrow(ConfigError);
});

test.each<[object, string]>([
  [{ num_experts: 4 }, "config.json: num_experts_per_tok: expected at most the number of experts, 4, got 8."],
  [{ mlp_only_layers: [6] }, "config.json: mlp_only_layers: expected layers below 6, the number of layers, got 6."],
  [{ mlp_only_layers: [-1] }, "config.json: mlp_only_layers[0]: expected an integer of at least 0, got -1."],
  [{ decoder_sparse_step: 0 }, "config.json: decoder_sparse_step: expected an integer of at least 1, got 0."],
  [{ shared_expert_intermediate_size: 512 }, "config.json: shared_expert_intermediate_size: expected 0 or null"],
  [{ use_qk_norm: false }, "config.json: use_qk_norm: expected true"],
  [{ qkv_bias: true }, "config.json: qkv_bias: expected false"],
  [{ partial_rotary_factor: 0.5 }, "config.json: partial_rotary_factor: expected 1, as this model rotates whole heads"],
  [{ layer_types: Array(6).fill("sliding_attention") }, "config.json: layer_types: expected"],
])("refuses %j", (keys, message) => {
  expect(() => parse(keys)).toThrow(message);
});

test("types", () => {
  expectTypeOf<Qwen3MoeConfig["mlpOnlyLayers"]>().toEqualTypeOf<readonly number[]>();
  expectTypeOf<Qwen3MoeConfig["slidingWindow"]>().toEqualTypeOf<number | null>();
  expectTypeOf<Qwen3MoeConfig["numExperts"]>().toEqualTypeOf<number>();
  // @ts-expect-error A field of another family.
  expect(() => qwen3MoeConfig.create({ routeScale: 1 })).toThrow(ConfigError);
});

test("mutated files are read or refused, and what is read comes back", () => {
  const published = fixture("Qwen3-Coder-30B-A3B.json");
  const key = fc.constantFrom(...Object.keys(published), "num_local_experts", "layer_types", "rope_parameters");
  const rope = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 64 };
  const value = fc.oneof(
    fc.jsonValue(),
    fc.nat(64),
    fc.constantFrom(null, -1, 0.5, 1e9, "silu", true, [], {}, [3], rope),
  );
  let read = 0;
  fc.assert(
    fc.property(
      fc.dictionary(key, value, { minKeys: 1, maxKeys: 4 }),
      fc.subarray(Object.keys(published)),
      (edits, gone) => {
        const kept = Object.entries(published).filter(([name]) => name === "model_type" || !gone.includes(name));
        const json = { ...Object.fromEntries(kept), ...edits };
        let config: Qwen3MoeConfig;
        try {
          config = qwen3MoeConfig.parse(json);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
          return;
        }
        read++;
        expect(JSON.stringify(qwen3MoeConfig.toJSON(config))).toBe(JSON.stringify(json));
      },
    ),
    { numRuns: RUNS },
  );
  // The property would hold for a reader that refuses everything.
  expect(read).toBeGreaterThan(RUNS / 50);
});
