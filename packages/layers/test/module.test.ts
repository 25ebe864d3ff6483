import { expect, test } from "vitest";
import { Linear, Module, Param, RMSNorm } from "../src/index.js";

class Leaf extends Module {
  readonly weight = new Param([2, 3], "matrix");
  readonly bias: Param | null = null;
}

class Tree extends Module {
  readonly config = { numHeads: 2, weight: new Param([9], "vector") };
  readonly qkProj = new Leaf();
  readonly layers: readonly Module[] = [new Leaf(), new RMSNorm(4, 1e-6)];
  readonly expertBias = new Param([5], "vector", "zeros");
  readonly #hidden = new Param([7], "vector");

  get hidden(): Param {
    return this.#hidden;
  }
}

test("parameters are named by their path of fields, in snake_case and in the order of the fields", () => {
  const tree = new Tree();
  expect([...tree.namedParameters()].map(([name, { shape }]) => [name, shape])).toEqual([
    ["qk_proj.weight", [2, 3]],
    ["layers.0.weight", [2, 3]],
    ["layers.1.weight", [4]],
    ["expert_bias", [5]],
  ]);
  expect([...tree.namedParameters("model.")][0]![0]).toBe("model.qk_proj.weight");
});

test("what is private, and what is in a plain object, is no part", () => {
  const tree = new Tree();
  const params = [...tree.namedParameters()].map(([, param]) => param);
  expect(params).not.toContain(tree.hidden);
  expect(params).not.toContain(tree.config.weight);
});

test("modules are named too, itself first", () => {
  const tree = new Tree();
  expect([...tree.namedModules()]).toEqual([
    ["", tree],
    ["qk_proj", tree.qkProj],
    ["layers.0", tree.layers[0]],
    ["layers.1", tree.layers[1]],
  ]);
});

test("a part that is replaced is found in its place", () => {
  class Wide extends Module {
    proj: Module = new Leaf();
  }
  const wide = new Wide();
  wide.proj = new Linear(3, 4, { bias: true });
  expect([...wide.namedParameters()].map(([name, { shape }]) => [name, shape])).toEqual([
    ["proj.weight", [4, 3]],
    ["proj.bias", [4]],
  ]);
});
