import { readFileSync } from "node:fs";
import { ConfigError } from "@mixtape/config";
import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { type MixtralConfig, mixtralConfig } from "../src/config.js";

/** A few hundred, and thousands in `npm run test:long`. */
const RUNS = process.env.MIXTAPE_TEST_LONG ? 2500 : 500;

const fixtures = new URL("../../testing/__fixtures__/configs/", import.meta.url);
const fixture = (name: string) => JSON.parse(readFileSync(new URL(name, fixtures), "utf8")) as Record<string, unknown>;

test("the defaults are transformers'", () => {
  const config = mixtralConfig.parse({ model_type: "mixtral" });
  expect(config).toMatchObject({
    vocabSize: 32_000,
    hiddenSize: 4096,
    intermediateSize: 14_336,
    moeIntermediateSize: 14_336,
    numHiddenLayers: 32,
    numAttentionHeads: 32,
    numKeyValueHeads: 8,
    headDim: 128,
    hiddenAct: "silu",
    maxPositionEmbeddings: 131_072,
    rmsNormEps: 1e-5,
    ropeParameters: { ropeType: "default", ropeTheta: 1e6, partialRotaryFactor: 1 },
    slidingWindow: null,
    bosTokenId: 1,
    eosTokenId: 2,
    padTokenId: null,
    numExperts: 8,
    numExpertsPerTok: 2,
    routerAuxLossCoef: 0.001,
    routerJitterNoise: 0,
    outputRouterLogits: false,
    attentionBias: false,
  });
  expect(config.mlpLayerTypes).toEqual(Array(32).fill("sparse"));
  expect(config.layerTypes).toEqual(Array(32).fill("full_attention"));
});

describe.each(["Mixtral-8x7B-v0.1.json", "Mixtral-8x7B-v0.1-sliding.json"])("%s", (name) => {
  test("comes back key by key, and means what transformers 5 writes for it", () => {
    const json = fixture(name);
    const config = mixtralConfig.parse(json, { file: name });
    expect(JSON.stringify(mixtralConfig.toJSON(config))).toBe(JSON.stringify(json));
    const again = mixtralConfig.parse(fixture(`v5/${name}`));
    expect(JSON.parse(JSON.stringify(config))).toEqual(JSON.parse(JSON.stringify(again)));
  });
});

test("the released values", () => {
  expect(mixtralConfig.parse(fixture("Mixtral-8x7B-v0.1.json"))).toMatchObject({
    maxPositionEmbeddings: 32_768,
    headDim: 128,
    numExperts: 8,
    numExpertsPerTok: 2,
    routerAuxLossCoef: 0.02,
    slidingWindow: null,
    dtype: "bfloat16",
    ropeParameters: { ropeTheta: 1e6 },
  });
});

test("a window makes every layer slide", () => {
  const { layerTypes, slidingWindow } = mixtralConfig.parse(fixture("Mixtral-8x7B-v0.1-sliding.json"));
  expect(slidingWindow).toBe(4096);
  expect(layerTypes).toEqual(Array(32).fill("sliding_attention"));
});

test("the number of experts goes by either name, and is written as Mixtral writes it", () => {
  expect(mixtralConfig.parse({ model_type: "mixtral", num_experts: 4 }).numExperts).toBe(4);
  expect(mixtralConfig.toJSON(mixtralConfig.create({ numExperts: 4 }))).toMatchObject({ num_local_experts: 4 });
  expect(mixtralConfig.toJSON(mixtralConfig.create())).not.toHaveProperty("num_experts");
});

test("what a changed width means for one expert", () => {
  const config = mixtralConfig.create({ numHiddenLayers: 2 });
  expect(mixtralConfig.with(config, { intermediateSize: 32 }).moeIntermediateSize).toBe(32);
  expect(() => mixtralConfig.check({ ...config, intermediateSize: 32 })).toThrow(
    "mixtral config: moeIntermediateSize: expected 32, as derived from the other fields, got 14336.",
  );
});

test("a file is written such that Python reads floats where it wants them", () => {
  const text = mixtralConfig.stringify(mixtralConfig.create({ routerAuxLossCoef: 1 }));
  expect(text).toContain('"router_jitter_noise": 0.0,');
  expect(text).toContain('"router_aux_loss_coef": 1.0,');
  expect(text).toContain('"num_local_experts": 8,');
  expect(JSON.parse(text)).toEqual(mixtralConfig.toJSON(mixtralConfig.create({ routerAuxLossCoef: 1 })));
});

test.each<[object, string]>([
  [{ num_experts_per_tok: 9 }, "config.json: num_experts_per_tok: expected at most the number of experts, 8, got 9."],
  [{ num_local_experts: 0 }, "config.json: num_local_experts: expected an integer of at least 1, got 0."],
  [{ attention_bias: true }, "config.json: attention_bias: expected false, as Mixtral's projections have no biases"],
  [{ partial_rotary_factor: 0.5 }, "config.json: partial_rotary_factor: expected 1, as this model rotates whole heads"],
  [{ router_jitter_noise: 1 }, "config.json: router_jitter_noise: expected a number of at least 0 and below 1, got 1."],
  [{ model_type: "qwen3_moe" }, 'config.json: model_type: expected "mixtral", got "qwen3_moe".'],
  [
    { num_local_experts: 1e9 },
    "config.json: num_local_experts: expected at most 100000 in the 32 layers together, got 1000000000.",
  ],
  [{ num_shared_experts: 1 }, "config.json: num_shared_experts: expected a key of the mixtral config"],
])("refuses %j", (keys, message) => {
  expect(() => mixtralConfig.parse({ model_type: "mixtral", ...keys })).toThrow(message);
});

test("types", () => {
  expectTypeOf<MixtralConfig["numExperts"]>().toEqualTypeOf<number>();
  expectTypeOf<MixtralConfig["numKeyValueHeads"]>().toEqualTypeOf<number>();
  expectTypeOf<MixtralConfig["moeIntermediateSize"]>().toEqualTypeOf<number>();
  // @ts-expect-error A field of another family.
  expect(() => mixtralConfig.create({ routeScale: 1 })).toThrow(ConfigError);
});

test("mutated files are read or refused, and what is read comes back", () => {
  const published = fixture("Mixtral-8x7B-v0.1.json");
  const key = fc.constantFrom(...Object.keys(published), "head_dim", "num_experts", "layer_types", "rope_parameters");
  const rope = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 64 };
  const value = fc.oneof(fc.jsonValue(), fc.nat(64), fc.constantFrom(null, -1, 0.5, 1e9, "silu", true, [], {}, rope));
  let read = 0;
  fc.assert(
    fc.property(
      fc.dictionary(key, value, { minKeys: 1, maxKeys: 4 }),
      fc.subarray(Object.keys(published)),
      (edits, gone) => {
        const kept = Object.entries(published).filter(([name]) => name === "model_type" || !gone.includes(name));
        const json = { ...Object.fromEntries(kept), ...edits };
        let config: MixtralConfig;
        try {
          config = mixtralConfig.parse(json);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
          return;
        }
        read++;
        expect(JSON.stringify(mixtralConfig.toJSON(config))).toBe(JSON.stringify(json));
      },
    ),
    { numRuns: RUNS },
  );
  // The property would hold for a reader that refuses everything.
  expect(read).toBeGreaterThan(RUNS / 50);
});
