import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GGUFTensorInfo, gguf } from "@huggingface/gguf";
import { type ForCausalLM, loadModel } from "@mixtape/mixtape";
import { openCheckpoint, type TensorSource } from "@mixtape/safetensors";
import { onEachEngine } from "@mixtape/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { promptOf } from "../src/tasks.js";
import { afmoe } from "../src/weights/afmoe.js";
import { mixtral } from "../src/weights/mixtral.js";
import { namesOf, type RandomModel, type Weight } from "../src/weights/model.js";
import { qwen3Moe } from "../src/weights/qwen3-moe.js";
import { bfloat16Values } from "../src/weights/values.js";
import { writeGguf } from "../src/weights/write-gguf.js";
import { writeSafetensors } from "../src/weights/write-safetensors.js";

const SIZES = {
  layers: 5,
  vocab: 500,
  hidden: 64,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  width: 24,
  experts: 8,
  perToken: 2,
};
const MODELS: Record<string, RandomModel> = {
  "Qwen3-MoE": qwen3Moe({ ...SIZES, denseWidth: 32 }),
  AFMoE: afmoe({ ...SIZES, denseLayers: 2, denseWidth: 32, sharedExperts: 1, window: 16 }),
  Mixtral: mixtral(SIZES),
};

describe("values", () => {
  test("are the same each time, and others for each name", () => {
    const values = bfloat16Values("a", 100, { mean: 0, deviation: 0.02 });
    expect(bfloat16Values("a", 100, { mean: 0, deviation: 0.02 })).toEqual(values);
    expect(bfloat16Values("b", 100, { mean: 0, deviation: 0.02 })).not.toEqual(values);
  });

  test("are distributed as asked, also where they go round the block", () => {
    const bits = new Uint16Array(bfloat16Values("c", 5_000_000, { mean: 1, deviation: 0.25 }).buffer);
    const values = new Float32Array(Uint32Array.from(bits, (half) => half << 16).buffer);
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
    expect(mean).toBeCloseTo(1, 3);
    expect(Math.sqrt(variance)).toBeCloseTo(0.25, 3);
  });
});

describe.each(Object.entries(MODELS))("%s", (_, random) => {
  let folder: string;
  let tensors: TensorSource;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "random-"));
    await writeSafetensors(folder, random, () => undefined);
    tensors = await openCheckpoint(folder);
  });
  afterAll(async () => {
    await tensors.close();
    await rm(folder, { recursive: true });
  });

  test("both formats hold the same values", async () => {
    const path = join(folder, "model.gguf");
    await writeGguf(path, random, () => undefined);
    const { tensorInfos, tensorDataOffset } = await gguf(path, { allowLocalFile: true });
    const bytes = await readFile(path);
    expect(tensorInfos.map(({ name }) => name)).toEqual(random.weights.map((weight) => weight.gguf));
    for (const [i, weight] of random.weights.entries()) {
      const begin = Number(tensorDataOffset + tensorInfos[i]!.offset);
      const expected = await inGguf(tensors, weight);
      expect(bytes.subarray(begin, begin + expected.length).equals(expected), weight.name).toBe(true);
      expect(countOf(tensorInfos[i]!) * (weight.stored === "matrix" ? 2 : 4), weight.name).toBe(expected.length);
    }
  });

  onEachEngine((engine) => {
    let model: ForCausalLM;
    beforeAll(async () => {
      model = await loadModel(folder, { engine });
    });
    afterAll(() => model.dispose());

    test("loads, gives finite logits, and routes tokens to all experts of every layer", async () => {
      const inputIds = [promptOf({ promptTokens: 128 }, SIZES.vocab)];
      const { logits, routerLogits } = model.forward({ inputIds, outputRouterLogits: true });
      expect((await logits.data()).every(Number.isFinite)).toBe(true);
      expect(routerLogits!.length).toBeGreaterThanOrEqual(3);
      for (const layer of routerLogits!) {
        const firsts = (await layer.array()).map((row) => row.indexOf(Math.max(...row)));
        expect(new Set(firsts).size).toBe(SIZES.experts);
      }
    });
  });
});

/** What GGUF should hold of a weight, as transformers and llama.cpp's conversion have it, from the checkpoint. */
async function inGguf(tensors: TensorSource, weight: Weight): Promise<Buffer> {
  const parts = await Promise.all(namesOf(weight).map((name) => tensors.tensor(name).read()));
  const bytes = Buffer.concat(parts);
  if (weight.stored === "small") return widened(bytes);
  if (weight.interleavedHeads === undefined) return bytes;
  const [rows, columns] = weight.shape as [number, number];
  const half = rows / weight.interleavedHeads / 2;
  const row = (i: number): Buffer => bytes.subarray(2 * columns * i, 2 * columns * (i + 1));
  const heads = Array.from({ length: weight.interleavedHeads }, (_, head) => 2 * half * head);
  return Buffer.concat(
    heads.flatMap((begin) => Array.from({ length: half }, (_, i) => [row(begin + i), row(begin + half + i)]).flat()),
  );
}

function widened(bfloat16: Buffer): Buffer {
  return Buffer.concat(
    Array.from({ length: bfloat16.length / 2 }, (_, i) => Buffer.from([0, 0, ...bfloat16.subarray(2 * i, 2 * i + 2)])),
  );
}

function countOf({ shape }: GGUFTensorInfo): number {
  return shape.reduce((product, n) => product * Number(n), 1);
}
