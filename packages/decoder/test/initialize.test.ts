import { encodeWeight } from "@mixtape/ops";
import { toFloat32 } from "@mixtape/safetensors";
import { beforeAll, expect, test } from "vitest";
import { type InitOptions, initialize } from "../src/index.js";
import { TinyForCausalLM, tinyOf, useCpu, withoutLeak } from "./support/tiny.js";

beforeAll(useCpu);

/** All values of a model that was initialised so, by name. */
async function valuesWith(options?: InitOptions): Promise<Map<string, Float32Array>> {
  return withoutLeak(async () => {
    const model = new TinyForCausalLM(tinyOf({ vocabSize: 500, attentionBias: true }));
    if (options) await initialize(model, options);
    else await model.initialize();
    const values = new Map<string, Float32Array>();
    for (const [name, param] of model.namedParameters())
      values.set(name, toFloat32(await encodeWeight(param.weight, "F32"), "F32").slice());
    model.dispose();
    return values;
  });
}

test("matrices are normal around 0, scales are 1, biases are 0", async () => {
  const values = await valuesWith({ std: 0.1 });
  const embedding = values.get("model.embed_tokens.weight")!;
  const mean = embedding.reduce((sum, value) => sum + value, 0) / embedding.length;
  const deviation = Math.sqrt(embedding.reduce((sum, value) => sum + (value - mean) ** 2, 0) / embedding.length);
  expect(Math.abs(mean)).toBeLessThan(0.01);
  expect(deviation).toBeGreaterThan(0.095);
  expect(deviation).toBeLessThan(0.105);
  expect(new Set(values.get("model.norm.weight"))).toEqual(new Set([1]));
  expect(new Set(values.get("model.layers.0.self_attn.q_proj.bias"))).toEqual(new Set([0]));
  expect(new Set(values.get("model.layers.1.mlp.experts.gate_proj")).size).toBe(3 * 2 * 4);
});

test("the same seed gives the same values, another seed others, and no two parameters are alike", async () => {
  const [first, again, other] = [
    await valuesWith({ seed: 1 }),
    await valuesWith({ seed: 1 }),
    await valuesWith({ seed: 2 }),
  ];
  expect(again).toEqual(first);
  expect(other.get("lm_head.weight")).not.toEqual(first.get("lm_head.weight"));
  expect(first.get("lm_head.weight")).not.toEqual(first.get("model.embed_tokens.weight"));
});

test("a model takes its config's deviation", async () => {
  const [own, given] = [await valuesWith(), await valuesWith({ std: 0.02 })];
  expect(own).toEqual(given);
});

test("values are rounded to the dtype that they will be saved in", async () => {
  const [exact, rounded] = [await valuesWith({ seed: 5 }), await valuesWith({ seed: 5, dtype: "BF16" })];
  const [a, b] = [exact.get("lm_head.weight")!, rounded.get("lm_head.weight")!];
  expect(b).not.toEqual(a);
  for (const [i, value] of a.entries()) expect(Math.abs(b[i]! - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -8);
});
