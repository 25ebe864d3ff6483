import { expect, test } from "vitest";
import { modulePatterns, pathPatterns } from "../src/methods/module-patterns.js";

const GATE = "model.layers.10.mlp.gate";
const GATE_PROJ = "model.layers.10.mlp.gate_proj";

test.each<[pattern: string, matches: readonly string[], misses: readonly string[]]>([
  ["*mlp.gate*", [GATE, `${GATE}.inner`], [GATE_PROJ, "model.layers.10.mlp.experts.0.gate_proj"]],
  ["lm_head", ["lm_head", "model.lm_head"], ["lm_head2", "other_lm_head"]],
  ["model.layers.1", ["model.layers.1.mlp.gate"], [GATE]],
  ["model.layers.*.mlp.gate", [GATE], [GATE_PROJ, "model.layers.10.mlp"]],
  ["model.layers.*.mlp.experts.*.down_proj", ["model.layers.0.mlp.experts.3.down_proj"], [GATE_PROJ]],
  ["model.layers.10*", [GATE, GATE_PROJ], ["model.layers.1.mlp.gate", "model.layers.100.mlp.gate"]],
  ["*", [], [GATE]],
  ["model.layers.10.mlp.gate.weight", [GATE], [GATE_PROJ]],
  ["", [], [GATE]],
  ["gate(", [], [GATE]],
])("%s matches whole segments", (pattern, matches, misses) => {
  const isMatch = pathPatterns([pattern]);
  expect(matches.filter((path) => !isMatch(path))).toEqual([]);
  expect(misses.filter((path) => isMatch(path))).toEqual([]);
});

test("a long pattern is matched in linear time", () => {
  const isMatch = pathPatterns([`${"a*".repeat(5000)}b`]);
  expect(isMatch("a".repeat(5000))).toBe(false);
});

test("compressed-tensors matches classes, paths and regular expressions from the beginning", () => {
  const isMatch = modulePatterns(["Embedding", "lm_head", "re:.*mlp.gate$"], "ignore");
  expect(["model.embed_tokens", "lm_head", GATE].filter((path) => !isMatch(path))).toEqual([]);
  expect([GATE_PROJ, "model.lm_head", "model.layers.0.self_attn.q_proj"].filter((path) => isMatch(path))).toEqual([]);
  expect(modulePatterns(["Linear"], "targets")("model.embed_tokens")).toBe(false);
  expect(() => modulePatterns(["re:("], "ignore")).toThrow(/^ignore: expected a regular expression/);
});
