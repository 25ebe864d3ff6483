import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { toFloat32 } from "@mixtape/safetensors";
import { describe, expect, test } from "vitest";
import { GgufError, GgufFormatError, GgufUnsupportedError, openGguf } from "../src/index.js";
import { buildGguf, type Parts, type Tensor, type Value } from "./build-gguf.js";

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../mixtape/test/__fixtures__/gguf/${name}`, import.meta.url));

const matrix = (name: string, [rows, columns]: readonly [number, number]): Tensor => ({
  name,
  sizes: [columns, rows],
  bytes: new Uint8Array(Float32Array.from({ length: rows * columns }, (_, i) => i).buffer),
});

/** A model of two heads and one layer. */
function model(
  keys: Readonly<Record<string, Value>> = {},
  tensors: readonly Tensor[] = [],
  architecture = "llama",
): Parts {
  const all: Record<string, Value> = {
    "general.architecture": { string: architecture },
    [`${architecture}.block_count`]: { u32: 1 },
    [`${architecture}.context_length`]: { u32: 64 },
    [`${architecture}.embedding_length`]: { u32: 4 },
    [`${architecture}.feed_forward_length`]: { u32: 6 },
    [`${architecture}.attention.head_count`]: { u32: 2 },
    [`${architecture}.attention.key_length`]: { u32: 4 },
    [`${architecture}.expert_count`]: { u32: 2 },
    [`${architecture}.expert_used_count`]: { u32: 1 },
    ...keys,
  };
  return { keys: Object.entries(all), tensors: [matrix("token_embd.weight", [3, 4]), ...tensors] };
}

async function configOf(parts: Parts): Promise<Record<string, unknown>> {
  const checkpoint = await openGguf(new Blob([buildGguf(parts)]));
  return JSON.parse(new TextDecoder().decode(await checkpoint.readFile("config.json"))) as Record<string, unknown>;
}

describe("config.json", () => {
  test("of Mixtral", async () => {
    expect(await configOf(model({ "llama.rope.freq_base": { f32: 1e6 } }))).toMatchObject({
      model_type: "mixtral",
      vocab_size: 3,
      hidden_size: 4,
      head_dim: 4,
      num_key_value_heads: 2,
      num_local_experts: 2,
      rope_parameters: { rope_theta: 1e6, rope_type: "default" },
      rms_norm_eps: 1e-6,
      tie_word_embeddings: true,
      dtype: "float32",
    });
  });

  test.each<readonly [string, Record<string, Value>, object]>([
    [
      "linear",
      { "llama.rope.scaling.type": { string: "linear" }, "llama.rope.scaling.factor": { f32: 4 } },
      { factor: 4 },
    ],
    ["linear", { "llama.rope.scale_linear": { f32: 2 } }, { factor: 2 }],
    ["default", { "llama.rope.scaling.type": { string: "none" }, "llama.rope.scaling.factor": { f32: 4 } }, {}],
    [
      "yarn",
      {
        "llama.rope.scaling.type": { string: "yarn" },
        "llama.rope.scaling.factor": { f32: 4 },
        "llama.rope.scaling.original_context_length": { u32: 16 },
        "llama.rope.scaling.yarn_beta_fast": { f32: 16 },
      },
      { factor: 4, original_max_position_embeddings: 16, beta_fast: 16 },
    ],
  ])("of RoPE: %s", async (rope_type, keys, others) => {
    const { rope_parameters } = await configOf(model(keys));
    expect(rope_parameters).toEqual({ rope_theta: 10_000, rope_type, ...others });
  });

  test("of a model whose layers are given one by one", async () => {
    const equal = model({ "llama.attention.head_count_kv": { i32s: [1, 1] } });
    expect(await configOf(equal)).toMatchObject({ num_key_value_heads: 1 });
    const other = model({ "llama.attention.head_count_kv": { i32s: [1, 2] } });
    await expect(configOf(other)).rejects.toThrow(
      "head_count_kv: expected the same whole number for each layer, got 2",
    );
  });

  test("has the keys that nothing reads", async () => {
    expect(await configOf(model({ "llama.new_idea": { u32: 3 } }))).toHaveProperty(["llama.new_idea"], "3");
  });

  test.each<readonly [string, Record<string, Value>, string]>([
    ["a dense model", { "llama.expert_count": { u32: 0 } }, "expected a model with experts"],
    ["another head", { "llama.attention.value_length": { u32: 5 } }, "llama.attention.value_length: expected 4, got 5"],
    ["partial rotation", { "llama.rope.dimension_count": { u32: 2 } }, "llama.rope.dimension_count: expected 4, got 2"],
    [
      "another RoPE",
      { "llama.rope.scaling.type": { string: "longrope" }, "llama.rope.scaling.factor": { f32: 2 } },
      "expected none, linear, or yarn with the usual factors, got longrope",
    ],
    [
      "scaled experts",
      { "llama.expert_weights_scale": { f32: 2 } },
      "llama.expert_weights_scale: expected 0 or 1, got 2",
    ],
  ])("refuses %s", async (_, keys, message) => {
    const error = await configOf(model(keys)).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(GgufUnsupportedError);
    expect(String(error)).toContain(message);
  });

  test("refuses missing and wrong keys", async () => {
    const wrong = model({ "llama.block_count": { string: "many" } });
    await expect(configOf(wrong)).rejects.toThrow('llama.block_count: expected a whole number from 0 on, got "many"');
    const { keys } = model();
    const without = { ...model(), keys: keys!.filter(([key]) => key !== "llama.context_length") };
    await expect(configOf(without)).rejects.toThrow("llama.context_length: expected a whole number, got none");
    await expect(configOf({ ...model(), tensors: [] })).rejects.toThrow(
      "token_embd.weight: expected a matrix, got none",
    );
  });
});

test("refuses another architecture, and lists those that are supported", async () => {
  const error = await configOf(model({}, [], "gemma3")).catch((one: unknown) => one);
  expect(error).toBeInstanceOf(GgufUnsupportedError);
  expect(String(error)).toContain(
    'general.architecture: expected qwen3moe, llama with experts (Mixtral), afmoe or qwen2moe, got "gemma3"',
  );
});

describe("tensors", () => {
  async function valuesOf(parts: Parts, name: string): Promise<number[]> {
    const tensors = await (await openGguf(buildGguf(parts))).openTensors();
    const view = tensors.tensor(name);
    return [...toFloat32(await view.read(), view.dtype)];
  }

  test("queries and keys are in Hugging Face's order", async () => {
    // Of each head: rows 0, 2, then 1, 3.
    const parts = model({}, [matrix("blk.0.attn_q.weight", [8, 1])]);
    expect(await valuesOf(parts, "model.layers.0.self_attn.q_proj.weight")).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
    const tensors = await (await openGguf(buildGguf(parts))).openTensors();
    const view = tensors.tensor("model.layers.0.self_attn.q_proj.weight");
    expect([...toFloat32(await view.slice(1, 3).read(), "F32")]).toEqual([2, 1]);
    expect([...toFloat32(await view.at(2).read(), "F32")]).toEqual([1]);
    expect(() => view.at(8)).toThrow("expected 0 <= index < 8, got 8");
    expect(() => view.slice(3, 9)).toThrow("got [3, 9)");
  });

  test("experts are views of their stack", async () => {
    const stack = { ...matrix("blk.0.ffn_down_exps.weight", [4, 6]), sizes: [6, 2, 2] };
    expect(await valuesOf(model({}, [stack]), "model.layers.0.block_sparse_moe.experts.1.w2.weight")).toEqual(
      Array.from({ length: 12 }, (_, i) => 12 + i),
    );
  });

  test("a stack of gate and up projections has the gate first", async () => {
    const stack = { ...matrix("blk.0.ffn_gate_up_exps.weight", [4, 2]), sizes: [2, 2, 2] };
    const parts = model({}, [stack]);
    expect(await valuesOf(parts, "model.layers.0.block_sparse_moe.experts.1.w1.weight")).toEqual([4, 5]);
    expect(await valuesOf(parts, "model.layers.0.block_sparse_moe.experts.1.w3.weight")).toEqual([6, 7]);
  });

  test("an absurd number of experts is refused", async () => {
    const stack = { ...matrix("blk.0.ffn_down_exps.weight", [10_001, 1]), sizes: [1, 1, 10_001] };
    const checkpoint = await openGguf(buildGguf(model({}, [stack])));
    await expect(checkpoint.openTensors()).rejects.toThrow(
      "expected a stack of at most 10000 matrices, got [10001, 1, 1]",
    );
  });

  test("experts of older files are tensors of their own", async () => {
    const parts = model({}, [matrix("blk.0.ffn_gate.1.weight", [2, 1])]);
    expect(await valuesOf(parts, "model.layers.0.block_sparse_moe.experts.1.w1.weight")).toEqual([0, 1]);
  });

  test("a tensor of none of the architecture's is refused", async () => {
    const checkpoint = await openGguf(buildGguf(model({}, [matrix("blk.0.attn_q.bias", [1, 8])])));
    await expect(checkpoint.openTensors()).rejects.toThrow(
      "tensor blk.0.attn_q.bias: expected the tensors of architecture llama, got one of shape [1, 8]",
    );
    await expect(checkpoint.openTensors()).rejects.toBeInstanceOf(GgufUnsupportedError);
  });

  test.each([
    [16, "IQ2_XXS"],
    [144, "number 144"],
  ])("of type %i are refused", async (type, name) => {
    const checkpoint = await openGguf(buildGguf(model({}, [{ ...matrix("blk.0.attn_q.weight", [8, 4]), type }])));
    const error = await checkpoint.openTensors().catch((one: unknown) => one);
    expect(error).toBeInstanceOf(GgufUnsupportedError);
    expect(String(error)).toContain("tensor blk.0.attn_q.weight: expected a type of F32, F16, BF16, Q4_0");
    expect(String(error)).toContain(`got ${name}. Use a file of the same model`);
  });

  test("reads after close, and of other names, are typed errors", async () => {
    const tensors = await (await openGguf(buildGguf(model()))).openTensors();
    expect(() => tensors.tensor("x")).toThrow(GgufError);
    const view = tensors.tensor("model.embed_tokens.weight");
    await tensors.close();
    await expect(view.read()).rejects.toThrow("expected an open source");
  });
});

describe("split files", () => {
  const name = (i: number): string => fixture(`qwen3moe.split-0000${i}-of-00003.gguf`);

  test("any of them stands for all", async () => {
    const tensors = await (await openGguf(name(2))).openTensors();
    expect(tensors.has("lm_head.weight")).toBe(true);
    expect(tensors.names).toHaveLength(3 + 2 * (9 + 3 * 4));
    await tensors.close();
  });

  test("of a page are given together, in any order", async () => {
    const blobs = [3, 1, 2].map((i) => new Blob([readFileSync(name(i))]));
    const tensors = await (await openGguf(blobs)).openTensors();
    expect(tensors.has("lm_head.weight")).toBe(true);
    await expect(openGguf(blobs.slice(1))).rejects.toThrow("expected all 3 files of the model, got 2: 1, 2");
    await expect(openGguf(blobs[0]!)).rejects.toBeInstanceOf(GgufFormatError);
  });
});
