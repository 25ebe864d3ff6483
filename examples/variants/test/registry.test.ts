import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ForCausalLM, generateTokens, loadModel, registerFamily, useEngine } from "@mixtape/mixtape";
import { expect, test } from "vitest";
import { LayerNormMixtralForCausalLM } from "../src/layer-norm-mixtral.js";
import { MixedQwen3MoeForCausalLM } from "../src/mixed-qwen3-moe.js";
import { NoisyMixtralForCausalLM } from "../src/noisy-mixtral.js";
import { ParallelMixtralForCausalLM } from "../src/parallel-mixtral.js";
import { SharedMixtralForCausalLM } from "../src/shared-mixtral.js";
import { SlidingQwen3MoeForCausalLM } from "../src/sliding-qwen3-moe.js";
import { SoftmaxAfmoeForCausalLM } from "../src/softmax-afmoe.js";
import { TopPMixtralForCausalLM } from "../src/top-p-mixtral.js";
import {
  layerNormMixtral,
  mixedQwen3Moe,
  noisyMixtral,
  parallelMixtral,
  sharedMixtral,
  slidingQwen3Moe,
  softmaxAfmoe,
  topPMixtral,
} from "./small.js";

const variants = [
  {
    create: () => new LayerNormMixtralForCausalLM(layerNormMixtral),
    register: () => registerFamily(LayerNormMixtralForCausalLM),
  },
  {
    create: () => new ParallelMixtralForCausalLM(parallelMixtral),
    register: () => registerFamily(ParallelMixtralForCausalLM),
  },
  { create: () => new SoftmaxAfmoeForCausalLM(softmaxAfmoe), register: () => registerFamily(SoftmaxAfmoeForCausalLM) },
  { create: () => new NoisyMixtralForCausalLM(noisyMixtral), register: () => registerFamily(NoisyMixtralForCausalLM) },
  { create: () => new TopPMixtralForCausalLM(topPMixtral), register: () => registerFamily(TopPMixtralForCausalLM) },
  {
    create: () => new SharedMixtralForCausalLM(sharedMixtral),
    register: () => registerFamily(SharedMixtralForCausalLM),
  },
  {
    create: () => new SlidingQwen3MoeForCausalLM(slidingQwen3Moe),
    register: () => registerFamily(SlidingQwen3MoeForCausalLM),
  },
  {
    create: () => new MixedQwen3MoeForCausalLM(mixedQwen3Moe),
    register: () => registerFamily(MixedQwen3MoeForCausalLM),
  },
];

test.each(variants)(
  "variant %# is saved, found by its model type once registered, and writes the same",
  async ({ create, register }) => {
    await useEngine("cpu");
    const folder = await mkdtemp(join(tmpdir(), "variant-"));
    const model = create();
    try {
      await model.initialize({ seed: 3, std: 0.3 });
      await model.savePretrained(folder);
      await expect(loadModel(folder)).rejects.toThrow(/model_type: expected one of mixtral, qwen3_moe, afmoe/);

      register();
      const loaded = await loadModel(folder);
      expect(loaded.config.modelType).toBe(model.config.modelType);
      expect(loaded.constructor).toBe(model.constructor);
      expect(await write(loaded)).toEqual(await write(model));
      loaded.dispose();
    } finally {
      model.dispose();
      await rm(folder, { recursive: true });
    }
  },
);

test("each is one file of at most 40 lines", () => {
  const folder = new URL("../src/", import.meta.url);
  const lines = readdirSync(folder).map((file) => readFileSync(new URL(file, folder), "utf8").split("\n").length - 1);
  expect(lines.length).toBeGreaterThan(3);
  expect(Math.max(...lines)).toBeLessThanOrEqual(40);
});

async function write(model: ForCausalLM): Promise<number[]> {
  const ids: number[] = [];
  for await (const { id } of generateTokens(model, [[5, 6, 7]], { maxNewTokens: 12 })) ids.push(id);
  return ids;
}
