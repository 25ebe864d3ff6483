/** LoRA on a quantised base (QLoRA): gradients pass through blocks that are multiplied as they are stored. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type AdapterConfigInput, applyAdapter } from "@mixtape/peft";
import { CausalLMTask, train } from "@mixtape/training";
import { afterAll, describe, expect, test } from "vitest";
import { listEngines, loadModel, loadTokenizer, quantizeModel, useEngine } from "../src/index.js";
import { SAMPLE } from "./files.js";

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

/** Losses of so many steps, on the engine in use. */
async function losses(
  checkpoint: string,
  { config, learningRate }: (typeof METHODS)[number],
  { steps = 10, batches = [batch] } = {},
): Promise<number[]> {
  const model = await loadModel(checkpoint, { onWarning: () => {} });
  const adapter = await applyAdapter(model, config, { seed: 3 });
  const data = { batch: (index: number) => batches[index % batches.length]! };
  const seen: number[] = [];
  const task = new CausalLMTask(model, { params: adapter.trainableParams() });
  for await (const { loss } of train(task, data, { maxSteps: steps, optimizer: { learningRate } })) seen.push(loss);
  model.dispose();
  return seen;
}

describe.runIf(hasNative)("losses as on the decoded weights", () => {
  const temporary = mkdtempSync(join(tmpdir(), "mixtape-quantized-training-"));
  afterAll(async () => {
    rmSync(temporary, { recursive: true });
    await useEngine("native");
  });

  test.each([
    ["qwen3moe.Q8_0.gguf", 0],
    ["llama.Q4_0.gguf", 0],
    ["qwen3moe-wide.Q4_K_M.gguf", 0],
    ["qwen2moe.Q5_0.gguf", 1],
  ] as const)("%s, method %i", async (file, method) => {
    await useEngine("cpu");
    const expected = await losses(`${folder}/${file}`, METHODS[method]!);
    expect(expected.at(-1)).toBeLessThan(expected[0]! - 0.01);
    await useEngine("native", { precision: "float32" });
    const got = await losses(`${folder}/${file}`, METHODS[method]!);
    expect(distance(got, expected)).toBeLessThan(1e-3);
  });

  test("50 steps on the sample model in int4, as on its decoded weights", async () => {
    const [int4, decoded] = [join(temporary, "int4"), join(temporary, "decoded")];
    await quantizeModel(SAMPLE, int4, { quantize: "int4" });
    await useEngine("cpu");
    const model = await loadModel(int4, { onWarning: () => {} });
    await model.savePretrained(decoded, { dtype: "F32" });
    model.dispose();
    await useEngine("native", { precision: "float32" });
    const batches = await textBatches();
    const method = { ...METHODS[0]!, learningRate: 2e-3 };
    const expected = await losses(decoded, method, { steps: 50, batches });
    const got = await losses(int4, method, { steps: 50, batches });
    expect(mean(expected.slice(-5))).toBeLessThan(mean(expected.slice(0, 5)) - 1);
    expect(distance(got, expected)).toBeLessThan(1e-3);
    // Activations are rounded to 8 bits.
    await useEngine("native");
    const rounded = await losses(int4, method, { steps: 50, batches });
    expect(distance(rounded, expected)).toBeLessThan(0.1);
  });
});

/** Largest difference of two losses. */
function distance(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((loss, i) => Math.abs(loss - b[i]!)));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Texts of 64 tokens each, of this repository's license. */
async function textBatches(): Promise<{ inputIds: number[][]; labels: number[][] }[]> {
  const ids = (await loadTokenizer(SAMPLE)).encode(readFileSync(`${SAMPLE}/../../LICENSE`, "utf8"));
  return Array.from({ length: 5 }, (_, i) => {
    const inputIds = [ids.slice(64 * i, 64 * (i + 1))];
    return { inputIds, labels: inputIds };
  });
}
