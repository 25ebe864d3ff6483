/** Checkpoints as each library quantises them, against transformers on the weights that the library decodes. */
import { readdirSync, readFileSync } from "node:fs";
import { fixture, onEachEngine, testEngines } from "@mixtape/testing";
import { tidy } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { type ForCausalLM, loadModel } from "../src/index.js";

const FOLDER = fixture("quantized");

/** Made by `tools/reference/golden_quantized_models.py`. */
interface Golden {
  readonly inputIds: readonly number[];
  /** Of the last position. */
  readonly logits: readonly number[];
}

onEachEngine(() => {
  test.each(readdirSync(FOLDER))("%s", async (name) => {
    const golden = JSON.parse(readFileSync(`${FOLDER}/${name}/golden.json`, "utf8")) as Golden;
    const warnings: string[] = [];
    const model = await loadModel(`${FOLDER}/${name}`, { onWarning: ({ message }) => warnings.push(message) });
    const logits = tidy(() => (model as ForCausalLM).forward({ inputIds: [[...golden.inputIds]] }).logits.dataSync());
    model.dispose();
    const last = logits.slice(-golden.logits.length);
    for (const [i, value] of golden.logits.entries()) expect(Math.abs(last[i]! - value)).toBeLessThan(1e-4);
    expect(warnings).toEqual([]);
  });
}, [...new Set(["cpu", "wasm", ...testEngines()] as const)]);
