/** What must compile and what must not. `npm run typecheck` is the test; vitest only runs the few values that it needs. */
import { describe, expect, expectTypeOf, test } from "vitest";
import {
  bool,
  type ConfigDefinition,
  type ConfigOf,
  type DecoderConfig,
  decoderConfig,
  defineConfig,
  type GenerationConfig,
  generationConfig,
  type HiddenAct,
  int,
  type LayerType,
  layerTypeList,
  type MlpLayerType,
  mlpLayerTypesWhere,
  number,
  optional,
  type RopeParameters,
  rope,
  string,
} from "../src/index.js";

const moeConfig = defineConfig({
  modelType: "moe",
  extends: decoderConfig,
  fields: {
    numExperts: int().default(8),
    numExpertsPerTok: int().default(2),
    layerTypes: layerTypeList().nullish(),
    comment: optional(string()),
  },
  derive: (c, given) => {
    expectTypeOf(c.layerTypes).toEqualTypeOf<readonly LayerType[]>();
    expectTypeOf(given.layerTypes).toEqualTypeOf<readonly LayerType[] | null | undefined>();
    return {
      layerTypes: given.layerTypes ?? c.layerTypes,
      mlpLayerTypes: mlpLayerTypesWhere(c.numHiddenLayers, (layer) => layer > 0),
      expertsInAll: c.numExperts * c.numHiddenLayers,
    };
  },
  allowedValues: { experts_in_all: (c) => [c.expertsInAll] },
  check: (c, report) => {
    expectTypeOf(c.expertsInAll).toEqualTypeOf<number>();
    // @ts-expect-error There is no such field.
    if (c.numExprts) report("numExperts", { expected: "", got: "" });
    // @ts-expect-error A fault says what came.
    if (c.numExperts === 0) report("numExperts", { expected: "some" });
  },
});
type MoeConfig = ConfigOf<typeof moeConfig>;

const variantConfig = defineConfig({
  modelType: "variant",
  extends: moeConfig,
  fields: { sharpness: number({ above: 0 }).default(1), ropeParameters: rope({ defaultTheta: 5 }) },
});
type VariantConfig = ConfigOf<typeof variantConfig>;

describe("the types of a config", () => {
  test("every decoder has these", () => {
    expectTypeOf<DecoderConfig["modelType"]>().toEqualTypeOf<string>();
    expectTypeOf<DecoderConfig["numKeyValueHeads"]>().toEqualTypeOf<number>();
    expectTypeOf<DecoderConfig["headDim"]>().toEqualTypeOf<number>();
    expectTypeOf<DecoderConfig["hiddenAct"]>().toEqualTypeOf<HiddenAct>();
    expectTypeOf<DecoderConfig["slidingWindow"]>().toEqualTypeOf<number | null>();
    expectTypeOf<DecoderConfig["layerTypes"]>().toEqualTypeOf<readonly LayerType[]>();
    expectTypeOf<DecoderConfig["mlpLayerTypes"]>().toEqualTypeOf<readonly MlpLayerType[]>();
    expectTypeOf<DecoderConfig["ropeParameters"]>().toEqualTypeOf<RopeParameters>();
    expectTypeOf<DecoderConfig["eosTokenId"]>().toEqualTypeOf<number | readonly number[] | null>();
    expectTypeOf<DecoderConfig["id2label"]>().toEqualTypeOf<Readonly<Record<number, string>>>();
    expectTypeOf<DecoderConfig["numLabels"]>().toEqualTypeOf<number>();
  });

  test("a family adds its fields, to any depth, and stays what its base is", () => {
    expectTypeOf<MoeConfig["numExperts"]>().toEqualTypeOf<number>();
    expectTypeOf<MoeConfig["expertsInAll"]>().toEqualTypeOf<number>();
    expectTypeOf<MoeConfig["layerTypes"]>().toEqualTypeOf<readonly LayerType[]>();
    expectTypeOf<VariantConfig["sharpness"]>().toEqualTypeOf<number>();
    expectTypeOf<VariantConfig["numExperts"]>().toEqualTypeOf<number>();
    expectTypeOf<VariantConfig>().toExtend<MoeConfig>();
    expectTypeOf<MoeConfig>().toExtend<DecoderConfig>();
    expectTypeOf(moeConfig).toExtend<ConfigDefinition<DecoderConfig, object>>();
    const definitions: ConfigDefinition<DecoderConfig, object>[] = [decoderConfig, moeConfig, variantConfig];
    expect(definitions.map((definition) => definition.create({}).modelType)).toEqual(["decoder", "moe", "variant"]);
  });

  test("an optional field is an optional property", () => {
    expectTypeOf<MoeConfig["comment"]>().toEqualTypeOf<string | undefined>();
    const { comment: _, ...uncommented } = moeConfig.create();
    expectTypeOf(uncommented).toExtend<MoeConfig>();
    expectTypeOf<GenerationConfig>().toExtend<{
      readonly temperature?: number;
      readonly stopStrings?: readonly string[];
    }>();
    expectTypeOf<Record<never, never>>().toExtend<GenerationConfig>();
    expectTypeOf<GenerationConfig>().not.toHaveProperty("modelType");
  });

  test("RoPE parameters are told apart by their type", () => {
    const { ropeParameters } = decoderConfig.create({ ropeParameters: { ropeType: "linear", factor: 2 } });
    // @ts-expect-error Not every type has a factor.
    expect(ropeParameters.factor).toBe(2);
    if (ropeParameters.ropeType === "linear") expect(ropeParameters.factor).toBe(2);
    if (ropeParameters.ropeType === "yarn") expectTypeOf(ropeParameters.truncate).toEqualTypeOf<boolean>();
    if (ropeParameters.ropeType === "longrope")
      expectTypeOf(ropeParameters.shortFactor).toEqualTypeOf<readonly number[]>();
  });
});

describe("compositions that do not compile", () => {
  test("create", () => {
    expect(moeConfig.create({ numExperts: 4, hiddenSize: 64 }).numExperts).toBe(4);
    expect(variantConfig.create({ sharpness: 2, numExperts: 4, layerTypes: null }).sharpness).toBe(2);
    expect(decoderConfig.create({ ropeParameters: { ropeTheta: 7 } }).ropeParameters.ropeTheta).toBe(7);
    // @ts-expect-error An unknown field.
    expect(() => moeConfig.create({ numExprts: 4 })).toThrow();
    // @ts-expect-error The spelling of the file.
    expect(() => moeConfig.create({ num_experts: 4 })).toThrow();
    // @ts-expect-error A field of the variant, not of the family.
    expect(() => moeConfig.create({ sharpness: 4 })).toThrow();
    // @ts-expect-error Another type.
    expect(() => moeConfig.create({ numExperts: "4" })).toThrow();
    // @ts-expect-error An activation that the engines lack.
    expect(() => moeConfig.create({ hiddenAct: "swiglu" })).toThrow();
    // @ts-expect-error What follows from other fields is not given.
    expect(() => moeConfig.create({ expertsInAll: 1 })).toThrow();
    // @ts-expect-error linear needs a factor.
    expect(() => moeConfig.create({ ropeParameters: { ropeType: "linear" } })).toThrow();
    // @ts-expect-error default takes none.
    expect(() => moeConfig.create({ ropeParameters: { ropeType: "default", factor: 2 } })).toThrow();
    // @ts-expect-error An unknown type.
    expect(() => moeConfig.create({ ropeParameters: { ropeType: "su", factor: 2 } })).toThrow();
  });

  test("spreads and with", () => {
    let config = moeConfig.create({ hiddenSize: 64, numAttentionHeads: 4 });
    const more: MoeConfig = { ...config, numExperts: 4 };
    expect(more.numExperts).toBe(4);
    // @ts-expect-error Another type.
    const wrong: MoeConfig = { ...config, numExperts: "4" };
    expect(() => moeConfig.check(wrong)).toThrow();
    expect(() => {
      // @ts-expect-error A config is not changed in place.
      config.numExperts = 0;
      moeConfig.check(config);
    }).toThrow();
    config = moeConfig.create({ hiddenSize: 64, numAttentionHeads: 4 });
    expect(moeConfig.with(config, { numHiddenLayers: 3 }).layerTypes).toHaveLength(3);
    // @ts-expect-error An unknown field.
    expect(() => moeConfig.with(config, { layers: 3 })).toThrow();
    // @ts-expect-error A config of the base lacks the family's fields.
    expect(() => moeConfig.toJSON(decoderConfig.create())).toThrow();
  });

  test("definitions", () => {
    expect(() =>
      // @ts-expect-error Spellings of a field that is not there.
      defineConfig({ modelType: "x", fields: { a: bool() }, keys: { b: ["b_key"] } }).create({ a: true }),
    ).not.toThrow();
    const noReasons = { auto_map: true };
    // @ts-expect-error A key is ignored for a reason, which is text.
    expect(defineConfig({ modelType: "x", ignored: noReasons }).modelType).toBe("x");
    // @ts-expect-error A field is a schema.
    expect(() => defineConfig({ modelType: "x", fields: { a: 1 } })).toThrow(TypeError);
    // @ts-expect-error A generation config is not a decoder config.
    const definition: ConfigDefinition<DecoderConfig, object> = generationConfig;
    expect(definition.modelType).toBeUndefined();
  });
});
