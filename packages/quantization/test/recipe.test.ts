/** Recipes: which module gets which scheme, and what is refused. */

import { describe, expect, test } from "vitest";
import { compileRecipe, type QuantizeOptions } from "../src/encode/recipe.js";
import { QuantizationError } from "../src/errors.js";

/** Modules of the families, and their bits by default. */
const DEFAULTS: readonly (readonly [string, number | undefined])[] = [
  ["model.embed_tokens", 8],
  ["lm_head", 8],
  ["score", undefined],
  ["model.layers.0.self_attn.q_proj", 8],
  ["model.layers.0.linear_attn.in_proj_qkvz", 8],
  ["model.layers.0.self_attn.gate_proj", 8],
  ["model.layers.0.mlp.gate", undefined],
  ["model.layers.0.mlp.router.gate", undefined],
  ["model.layers.0.mlp.router", undefined],
  ["model.layers.0.block_sparse_moe.gate", undefined],
  ["model.layers.0.mlp.shared_expert_gate", undefined],
  ["model.layers.0.mlp.gate_proj", 4],
  ["model.layers.0.mlp.shared_expert.up_proj", 4],
  ["model.layers.10.mlp.experts.63.down_proj", 4],
  ["model.layers.10.block_sparse_moe.experts.7.w1", 4],
  ["layers.3.mlp.experts.gate_up_proj", 4],
];

const FP8 = { type: "float", bits: 8, groupSize: "channel" };

test.each(DEFAULTS)("%s has %s bits by default", (module, bits) => {
  expect(compileRecipe({})(module)).toEqual(bits && { type: "int", bits, groupSize: 32 });
  expect(compileRecipe("int8")(module)).toEqual(bits && { type: "int", bits: 8, groupSize: 32 });
  expect(compileRecipe("fp8")(module)).toEqual(
    bits && (/embed_tokens|lm_head/.test(module) ? { type: "int", bits: 8, groupSize: 32 } : FP8),
  );
  expect(compileRecipe({ groupSize: 64 })(module)).toEqual(bits && { type: "int", bits, groupSize: 64 });
});

test("the first rule counts, of whole segments", () => {
  const recipe = compileRecipe({
    groupSize: "channel",
    ignore: ["layers.1"],
    rules: [
      { modules: ["experts.*.down_proj"], weights: "int8", groupSize: 16 },
      { modules: ["mlp.experts"], weights: "int4" },
    ],
  });
  expect(recipe("model.layers.2.mlp.experts.7.down_proj")).toEqual({ type: "int", bits: 8, groupSize: 16 });
  expect(recipe("model.layers.2.mlp.experts.7.up_proj")).toEqual({ type: "int", bits: 4, groupSize: "channel" });
  expect(recipe("model.layers.1.mlp.experts.7.up_proj")).toBeUndefined();
  expect(recipe("model.layers.12.mlp.experts.7.up_proj")).toEqual({ type: "int", bits: 4, groupSize: "channel" });
  expect(recipe("model.layers.2.mlp.experts_of_another_kind.up_proj")).toBeUndefined();
});

describe("refused", () => {
  test.each<[unknown, string]>([
    ["int5", 'quantize: expected "int4", "int8" or "fp8", got "int5"'],
    [5, 'quantize: expected "int4", "int8", "fp8" or an object, got 5'],
    [{ bits: 4 }, 'quantize: expected keys among weights, groupSize, embeddings, ignore, rules, got "bits"'],
    [{ weights: "fp4" }, 'quantize.weights: expected "int4", "int8" or "fp8", got "fp4"'],
    [{ groupSize: 0 }, 'quantize.groupSize: expected a positive integer or "channel", got 0'],
    [{ embeddings: "int4" }, 'quantize.embeddings: expected "int8" or "none", got "int4"'],
    [{ ignore: "lm_head" }, 'quantize.ignore: expected a list of module paths, got "lm_head"'],
    [{ rules: {} }, "quantize.rules: expected a list of rules, got {}"],
    [{ rules: [[]] }, "quantize.rules[0]: expected a rule, got []"],
    [
      { rules: [{ modules: ["*"], weights: "int4" }] },
      'quantize.rules[0].modules: expected a list of module paths, got ["*"]',
    ],
    [
      { rules: [{ modules: ["a"] }] },
      'quantize.rules[0].weights: expected "int4", "int8", "fp8" or "none", got undefined',
    ],
  ])("%j", (options, message) => {
    const compile = () => compileRecipe(options as QuantizeOptions);
    expect(compile).toThrow(QuantizationError);
    expect(compile).toThrow(message);
  });
});
