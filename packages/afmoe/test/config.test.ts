import { readFileSync } from "node:fs";
import { ConfigError, type ConfigOf, defineConfig, type LayerType, number } from "@mixtape/config";
import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { type AfmoeConfig, afmoeConfig } from "../src/config.js";

/** A few hundred, and thousands in `npm run test:long`. */
const RUNS = process.env.MIXTAPE_TEST_LONG ? 2500 : 500;

const fixtures = new URL("../../testing/__fixtures__/configs/", import.meta.url);
const fixture = (name: string) => JSON.parse(readFileSync(new URL(name, fixtures), "utf8")) as Record<string, unknown>;
const parse = (keys: object) => afmoeConfig.parse({ model_type: "afmoe", num_hidden_layers: 5, ...keys });

test("the defaults are transformers'", () => {
  const config = afmoeConfig.parse({ model_type: "afmoe" });
  expect(config).toMatchObject({
    vocabSize: 200_192,
    hiddenSize: 2048,
    intermediateSize: 6144,
    moeIntermediateSize: 1408,
    numHiddenLayers: 32,
    numDenseLayers: 1,
    numAttentionHeads: 16,
    numKeyValueHeads: 16,
    headDim: 128,
    hiddenAct: "silu",
    maxPositionEmbeddings: 16_384,
    rmsNormEps: 1e-5,
    ropeParameters: { ropeType: "default", ropeTheta: 1e4, partialRotaryFactor: 1 },
    slidingWindow: 1024,
    bosTokenId: null,
    eosTokenId: null,
    padTokenId: null,
    numExperts: 64,
    numExpertsPerTok: 6,
    numSharedExperts: 2,
    routeScale: 1,
    globalAttnEveryNLayers: 4,
    mupEnabled: false,
    attentionBias: false,
    tieWordEmbeddings: false,
  });
  expect(config).not.toHaveProperty("routerAuxLossCoef");
});

describe.each(["Trinity-Nano-Preview.json", "Trinity-Mini.json", "Trinity-Large.json"])("%s", (name) => {
  test("comes back key by key, and means what transformers 5 writes for it", () => {
    const json = fixture(name);
    const config = afmoeConfig.parse(json, { file: name });
    expect(JSON.stringify(afmoeConfig.toJSON(config))).toBe(JSON.stringify(json));
    const again = afmoeConfig.parse(fixture(`v5/${name}`));
    expect(JSON.parse(JSON.stringify(config))).toEqual(JSON.parse(JSON.stringify(again)));
  });
});

test("the released values", () => {
  const nano = { mupEnabled: true, routeScale: 2.826, numSharedExperts: 1, headDim: 128, slidingWindow: 2048 };
  expect(afmoeConfig.parse(fixture("Trinity-Nano-Preview.json"))).toMatchObject({ ...nano, numHiddenLayers: 56 });
  expect(afmoeConfig.parse(fixture("Trinity-Mini.json"))).toMatchObject({ ...nano, numKeyValueHeads: 4 });
  expect(afmoeConfig.parse(fixture("Trinity-Large.json"))).toMatchObject({
    numExperts: 256,
    numExpertsPerTok: 4,
    numDenseLayers: 6,
    slidingWindow: 4096,
  });
});

test("which layers slide", () => {
  const [full, sliding]: LayerType[] = ["full_attention", "sliding_attention"];
  expect(parse({}).layerTypes).toEqual([sliding, sliding, sliding, full, sliding]);
  expect(parse({ global_attn_every_n_layers: 2 }).layerTypes).toEqual([sliding, full, sliding, full, sliding]);
  expect(parse({ global_attn_every_n_layers: 1, sliding_window: null }).layerTypes).toEqual(Array(5).fill(full));
  const given = [full, full, sliding, full, full];
  expect(parse({ layer_types: given }).layerTypes).toEqual(given);
  expect(parse({ layer_types: null }).layerTypes).toEqual(parse({}).layerTypes);
});

test("which layers are dense", () => {
  expect(parse({ num_dense_layers: 2 }).mlpLayerTypes).toEqual(["dense", "dense", "sparse", "sparse", "sparse"]);
  expect(parse({ num_dense_layers: 0 }).mlpLayerTypes).toEqual(Array(5).fill("sparse"));
  expect(parse({ num_dense_layers: 9 }).mlpLayerTypes).toEqual(Array(5).fill("dense"));
});

test("another number of layers, worked out anew", () => {
  const config = afmoeConfig.with(parse({}), { numHiddenLayers: 2 });
  expect(config.layerTypes).toHaveLength(2);
  expect(config.mlpLayerTypes).toHaveLength(2);
  const listed = parse({ layer_types: parse({}).layerTypes });
  expect(() => afmoeConfig.with(listed, { numHiddenLayers: 2 })).toThrow(
    "afmoe config: layer_types: expected 2 entries, one for each layer, got 5.",
  );
});

test("mup_enabled: null means false, as in Python", () => {
  expect(parse({ mup_enabled: null }).mupEnabled).toBe(false);
  expect(afmoeConfig.toJSON(parse({ mup_enabled: null }))).toHaveProperty("mup_enabled", null);
});

test("route_scale is written as a float, which transformers insists on", () => {
  expect(afmoeConfig.stringify(parse({ route_scale: 1 }))).toContain('"route_scale": 1.0');
});

test.each<[object, string]>([
  [
    { score_func: "softmax" },
    'config.json: score_func: expected "sigmoid", since other values need computations that are not implemented, got "softmax".',
  ],
  [{ route_norm: false }, "config.json: route_norm: expected true, since"],
  [
    { n_group: 4 },
    "config.json: n_group: expected 1 or null, since other values need computations that are not implemented, got 4.",
  ],
  [{ topk_group: 2 }, "config.json: topk_group: expected 1 or null"],
  [{ num_expert_groups: 2 }, "config.json: num_expert_groups: expected 1 or null"],
  [{ num_limited_groups: 2 }, "config.json: num_limited_groups: expected 1 or null"],
  [
    { num_experts_per_tok: 65 },
    "config.json: num_experts_per_tok: expected at most the number of experts, 64, got 65.",
  ],
  [{ layer_types: ["full_attention"] }, "config.json: layer_types: expected 5 entries, one for each layer, got 1."],
  [
    { layer_types: Array(5).fill("linear_attention") },
    'config.json: expected a valid config, got 5 issues:\n  layer_types[0]: expected one of "full_attention", "sliding_attention", got "linear_attention"',
  ],
  [{ sliding_window: null }, "config.json: sliding_window: expected a window size for the sliding layers, got null."],
  [
    { global_attn_every_n_layers: 0 },
    "config.json: global_attn_every_n_layers: expected an integer of at least 1, got 0.",
  ],
  [{ num_dense_layers: null }, "config.json: num_dense_layers: expected an integer of at least 0, got null."],
  [{ partial_rotary_factor: 0.5 }, "config.json: partial_rotary_factor: expected 1, as this model rotates whole heads"],
])("refuses %j", (keys, message) => {
  expect(() => parse(keys)).toThrow(message);
});

describe("a variant", () => {
  const variantConfig = defineConfig({
    modelType: "sharp-afmoe",
    extends: afmoeConfig,
    fields: { sharpness: number({ above: 0 }).default(2) },
  });
  type VariantConfig = ConfigOf<typeof variantConfig>;

  test("is AFMoE and one field more", () => {
    const config = variantConfig.create({ numHiddenLayers: 2, sharpness: 3 });
    expect(variantConfig.parse(variantConfig.toJSON(config))).toMatchObject({
      modelType: "sharp-afmoe",
      sharpness: 3,
      routeScale: 1,
    });
    expectTypeOf<VariantConfig>().toExtend<AfmoeConfig>();
    expectTypeOf<VariantConfig["sharpness"]>().toEqualTypeOf<number>();
    // @ts-expect-error The field is not AFMoE's.
    expect(() => afmoeConfig.create({ sharpness: 3 })).toThrow(ConfigError);
    // @ts-expect-error The type is not the field's.
    expect(() => variantConfig.create({ sharpness: "3" })).toThrow(ConfigError);
  });

  test("is made out of a released config", () => {
    const config = variantConfig.create({ ...afmoeConfig.parse(fixture("Trinity-Mini.json")), sharpness: 3 });
    expect(config).toMatchObject({ modelType: "sharp-afmoe", hiddenSize: 2048, routeScale: 2.826, sharpness: 3 });
  });
});

test("mutated files are read or refused, and what is read comes back", () => {
  const published = fixture("Trinity-Nano-Preview.json");
  const key = fc.constantFrom(...Object.keys(published), "num_local_experts", "layer_types", "rope_parameters");
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
        let config: AfmoeConfig;
        try {
          config = afmoeConfig.parse(json);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
          return;
        }
        read++;
        expect(JSON.stringify(afmoeConfig.toJSON(config))).toBe(JSON.stringify(json));
      },
    ),
    { numRuns: RUNS },
  );
  // The property would hold for a reader that refuses everything.
  expect(read).toBeGreaterThan(RUNS / 50);
});
