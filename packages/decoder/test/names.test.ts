import { describe, expect, expectTypeOf, test } from "vitest";
import { expertRules, partOf, perExpert, rule, tensor } from "../src/index.js";
import { type NameRule, namesAt, placesOf } from "../src/names.js";

const rules = [
  rule("mlp.router.gate.weight", tensor("block.gate.weight"), tensor("mlp.gate.weight")),
  ...expertRules({ disk: "block", gate: "w1", up: "w3", down: "w2" }),
];

test("a parameter without a rule keeps its name", () => {
  expect(placesOf("model.norm.weight", rules)).toEqual([tensor("model.norm.weight")]);
});

test("a rule renames the end of a name, and only whole parts of it", () => {
  expect(placesOf("model.layers.7.mlp.router.gate.weight", rules)).toEqual([
    tensor("model.layers.7.block.gate.weight"),
    tensor("model.layers.7.mlp.gate.weight"),
  ]);
  expect(placesOf("mlp.router.gate.weight", rules)[0]).toEqual(tensor("block.gate.weight"));
  expect(placesOf("model.layers.0.other_mlp.router.gate.weight", rules)).toHaveLength(1);
});

test("experts lie one by one, or stacked with gate and up as one", () => {
  expect(placesOf("model.layers.1.mlp.experts.up_proj", rules)).toEqual([
    perExpert("model.layers.1.block.experts.*.w3.weight"),
    perExpert("model.layers.1.mlp.experts.*.w3.weight"),
    partOf("model.layers.1.block.experts.gate_up_proj", 1, 2),
    partOf("model.layers.1.mlp.experts.gate_up_proj", 1, 2),
  ]);
  expect(placesOf("model.layers.1.mlp.experts.down_proj", rules)).toEqual([
    perExpert("model.layers.1.block.experts.*.w2.weight"),
    perExpert("model.layers.1.mlp.experts.*.w2.weight"),
    tensor("model.layers.1.block.experts.down_proj"),
    tensor("model.layers.1.mlp.experts.down_proj"),
  ]);
});

test("a stack has one name per expert", () => {
  expect(namesAt(perExpert("experts.*.w1"), 3)).toEqual(["experts.0.w1", "experts.1.w1", "experts.2.w1"]);
  expect(namesAt(tensor("norm"), 3)).toEqual(["norm"]);
  expect(namesAt(partOf("gate_up", 0, 2), 3)).toEqual(["gate_up"]);
});

describe("types", () => {
  test("a parameter cannot be saved into a part of a tensor: two would write the same one", () => {
    expectTypeOf([partOf("a", 0, 2)] as const).not.toExtend<NameRule["places"]>();
    expectTypeOf([tensor("a"), partOf("b", 0, 2)] as const).toExtend<NameRule["places"]>();
  });
});
