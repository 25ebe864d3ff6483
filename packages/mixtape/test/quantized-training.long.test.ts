/** LoRA on a quantised base (QLoRA): gradients pass through blocks that are multiplied as they are stored. */

import { fileURLToPath } from "node:url";
import { type AdapterConfigInput, applyAdapter } from "@mixtape/peft";
import { CausalLMTask, train } from "@mixtape/training";
import { afterAll, describe, expect, test } from "vitest";
import { listEngines, loadModel, useEngine } from "../src/index.js";

const folder = fileURLToPath(new URL("__fixtures__/gguf", import.meta.url));
const hasNative = (await listEngines()).some(({ name, available }) => name === "native" && available);

const TARGETS = ["q_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
/**
 * Adapters with their learning rates. At first the experts of a mixture are equal, and the gradient of its router is rounding:
 * the smaller the steps, the less AdamW makes of it.
 */
const METHODS: readonly { readonly config: AdapterConfigInput; readonly learningRate: number }[] = [
  { config: { method: "lora", r: 4, loraAlpha: 8, targetModules: TARGETS }, learningRate: 1e-2 },
  {
    config: { method: "mixlora", r: 2, numExperts: 3, targetModules: ["gate_proj", "up_proj", "down_proj"] },
    learningRate: 5e-5,
  },
];

const batch = { inputIds: [[5, 17, 3, 44, 9, 21, 30, 2]], labels: [[5, 17, 3, 44, 9, 21, 30, 2]] };

/** Losses of ten steps, on the engine in use. */
async function losses(file: string, method: number): Promise<number[]> {
  const { config, learningRate } = METHODS[method]!;
  const model = await loadModel(`${folder}/${file}`, { onWarning: () => {} });
  const adapter = await applyAdapter(model, config, { seed: 3 });
  const data = { batchesPerEpoch: 1, batch: () => batch };
  const steps: number[] = [];
  const task = new CausalLMTask(model, { params: adapter.trainableParams() });
  for await (const { loss } of train(task, data, { maxSteps: 10, optimizer: { learningRate } })) steps.push(loss);
  model.dispose();
  return steps;
}

describe.runIf(hasNative)("losses as on the decoded weights", () => {
  afterAll(() => useEngine("native"));

  test.each([
    ["qwen3moe.Q8_0.gguf", 0],
    ["llama.Q4_0.gguf", 0],
    ["qwen3moe-wide.Q4_K_M.gguf", 0],
    ["qwen2moe.Q5_0.gguf", 1],
  ] as const)("%s, method %i", async (file, method) => {
    await useEngine("cpu");
    const expected = await losses(file, method);
    expect(expected.at(-1)).toBeLessThan(expected[0]! - 0.01);
    await useEngine("native", { precision: "float32" });
    const got = await losses(file, method);
    for (const [i, loss] of got.entries()) expect(Math.abs(loss - expected[i]!)).toBeLessThan(1e-3);
  });
});
