import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openGguf } from "@mixtape/gguf";
import { loadTokenizer } from "@mixtape/mixtape";
import { toFloat32 } from "@mixtape/safetensors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { routerBytes, setRouting } from "../src/larger/routing.js";
import { q4kmOf } from "../src/larger/whole-qwen3.js";
import { QWEN3_30B_A3B } from "../src/shapes/qwen3-30b-a3b.js";
import { writeGguf } from "../src/weights/write-gguf.js";

const SMALL = {
  ...QWEN3_30B_A3B,
  layers: 8,
  vocab: 2048,
  hidden: 256,
  heads: 2,
  kvHeads: 1,
  headDim: 128,
  denseWidth: 256,
  width: 256,
  experts: 16,
  perToken: 2,
};
const MODEL = q4kmOf(SMALL, 1500);

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "larger-"));
  path = join(folder, "small.gguf");
  await writeGguf(path, MODEL, () => undefined);
});
afterAll(() => rm(folder, { recursive: true }));

test("tensors have the types of llama.cpp's Q4_K_M", () => {
  const { weights } = q4kmOf(QWEN3_30B_A3B);
  const down = weights.filter(({ gguf }) => gguf.includes("ffn_down_exps"));
  const more = down.flatMap(({ blocks }, layer) => (blocks === "Q6_K" ? [layer] : []));
  // What llama-quantize prints for 48 layers.
  expect(more).toEqual([0, 1, 2, 3, 4, 5, 8, 11, 14, 17, 20, 23, 26, 29, 32, 35, 38, 41, 42, 43, 44, 45, 46, 47]);
  expect(weights.find(({ gguf }) => gguf === "output.weight")!.blocks).toBe("Q6_K");
  expect(weights.find(({ gguf }) => gguf === "token_embd.weight")!.blocks).toBe("Q4_K");
  expect(weights.find(({ gguf }) => gguf === "blk.0.ffn_gate_inp.weight")!.blocks).toBeUndefined();
});

test("values have a mean of zero and the deviation that was asked for, in both formats", async () => {
  const file = await openGguf(path);
  const tensors = await file.openTensors();
  for (const [name, deviation] of [
    ["model.layers.0.mlp.experts.3.down_proj.weight", 0.02],
    ["model.layers.1.mlp.experts.3.gate_proj.weight", 0.02],
    ["model.embed_tokens.weight", 32],
  ] as const) {
    const values = toFloat32(await tensors.tensor(name).read(), "F32");
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const square = values.reduce((sum, x) => sum + x * x, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03 * deviation);
    expect(Math.sqrt(square) / deviation).toBeCloseTo(1, 1);
  }
  await tensors.close();
});

test("the tokenizer has as many tokens as the model, and gives texts back", async () => {
  const tokenizer = await loadTokenizer(path);
  expect(tokenizer.vocabSize).toBe(2048);
  const text = "a fine morning, für 12 €";
  expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  expect(tokenizer.encode("<|im_end|>")).toEqual([256 + 1500 + 2]);
});

test("the routing is that of the routers, and nothing else of the file changes", async () => {
  const { size } = await stat(path);
  const router = async (layer: number): Promise<Float32Array> => {
    const tensors = await (await openGguf(path)).openTensors();
    const values = toFloat32(await tensors.tensor(`model.layers.${layer}.mlp.gate.weight`).read(), "F32");
    await tensors.close();
    return values;
  };
  const uniform = await router(5);
  await setRouting(path, MODEL, "skewed");
  const skewed = await router(5);
  const lengths = Array.from({ length: 16 }, (_, row) => {
    const of = (values: Float32Array) => Math.hypot(...values.subarray(row * 256, (row + 1) * 256));
    return of(skewed) / of(uniform);
  });
  expect(Math.max(...lengths)).toBeCloseTo(1);
  expect(Math.min(...lengths)).toBeCloseTo(16 ** -0.4);
  expect((await stat(path)).size).toBe(size);
  await setRouting(path, MODEL, "uniform");
  expect(await router(5)).toEqual(uniform);
});

test("a quarter of the experts gets two thirds of the choices of a skewed routing", () => {
  const weight = q4kmOf(QWEN3_30B_A3B).weights.find(({ gguf }) => gguf === "blk.7.ffn_gate_inp.weight")!;
  const bytes = routerBytes(weight, "skewed", 7);
  const rows = new Float32Array(bytes.buffer, bytes.byteOffset, 128 * 2048);
  const chosen = new Array<number>(128).fill(0);
  // Other rows of the same random numbers stand for hidden states.
  const states = toFloat32(
    new Uint8Array(routerBytes({ ...weight, name: "states", shape: [100, 2048] }, "uniform", 0)),
    "F32",
  );
  for (let token = 0; token < 100; token++) {
    const logits = Array.from({ length: 128 }, (_, e) => {
      let sum = 0;
      for (let i = 0; i < 2048; i++) sum += rows[e * 2048 + i]! * states[token * 2048 + i]!;
      return [sum, e] as const;
    });
    for (const [, e] of logits.sort((a, b) => b[0] - a[0]).slice(0, 8)) chosen[e]!++;
  }
  const hottest = chosen.toSorted((a, b) => b - a).slice(0, 32);
  const share = hottest.reduce((sum, count) => sum + count, 0) / (100 * 8);
  expect(share).toBeGreaterThan(0.6);
  expect(share).toBeLessThan(0.75);
});
