import { type ConfigOf, int } from "@mixtape/config";
import { GatedMlp, LayerNorm, Linear } from "@mixtape/layers";
import { beforeAll, expect, expectTypeOf, test } from "vitest";
import { ForCausalLM } from "../src/index.js";
import { TinyForCausalLM, TinyLayer, tinyFamily, tinyOf, useCpu } from "./support/tiny.js";

beforeAll(useCpu);

const { modelType: _, ...sizes } = tinyOf();

test("a family is extended by a builder, with the rest as it was", () => {
  const family = tinyFamily.extend({
    modelType: "dense-tiny",
    buildMoe: (config) => new GatedMlp(config, config.moeIntermediateSize),
  });
  class DenseTinyForCausalLM extends TinyForCausalLM {
    static override readonly family = family;
  }
  const model = new DenseTinyForCausalLM(family.config.create(sizes));
  expect(model.config.modelType).toBe("dense-tiny");
  expect(model.model.layers[1]).toBeInstanceOf(TinyLayer);
  expect(model.model.layers[1]!.mlp).toBeInstanceOf(GatedMlp);
  // The family that it comes from builds what it did.
  expect(new TinyForCausalLM(tinyOf()).model.layers[1]!.mlp).not.toBeInstanceOf(GatedMlp);
});

test("fields are in the config that builders get, and extensions add up", () => {
  const wide = tinyFamily.extend({
    modelType: "wide-tiny",
    fields: { extraWidth: int().default(3) },
    buildMlp: (config) => new GatedMlp(config, config.intermediateSize + config.extraWidth),
  });
  const both = wide.extend({
    buildNorm: ({ hiddenSize, extraWidth }) => new LayerNorm(hiddenSize, extraWidth / 1e6),
  });
  class WideForCausalLM extends ForCausalLM<ConfigOf<typeof both.config>> {
    static readonly family = both;
  }
  const model = new WideForCausalLM(both.config.create({ ...sizes, extraWidth: 5 }));
  expect(model.config.modelType).toBe("wide-tiny");
  expect((model.model.layers[0]!.mlp as GatedMlp).gateProj.weight.shape).toEqual([11, 4]);
  expect(model.model.norm).toBeInstanceOf(LayerNorm);
  expectTypeOf(model.config.extraWidth).toEqualTypeOf<number>();
});

test("a method may use others of the layer", () => {
  const family = tinyFamily.extend({
    buildFeedForward(config, layer) {
      return layer === 0 ? this.buildMoe(config) : this.buildMlp(config, layer);
    },
  });
  class SwappedForCausalLM extends TinyForCausalLM {
    static override readonly family = family;
  }
  const model = new SwappedForCausalLM(tinyOf());
  expect(model.model.layers[1]!.mlp).toBeInstanceOf(GatedMlp);
});

test("what does not fit fails to compile, and is refused where it ran", () => {
  // @ts-expect-error no layer of this family has a router to build
  expect(() => tinyFamily.extend({ buildRouter: () => null })).toThrow(
    "extend: buildRouter: expected a method of TinyLayer, got no such method",
  );
  // @ts-expect-error a name is no feed-forward
  tinyFamily.extend({ buildMlp: ({ hiddenAct }) => hiddenAct });
  // @ts-expect-error the config has no such field
  tinyFamily.extend({ buildMlp: (config) => new GatedMlp(config, config.noSuchWidth) });
  // @ts-expect-error a layer of another kind
  tinyFamily.extend({ layer: Linear });
});
