/** Checkpoints as each library quantises them, against transformers on the weights that the library decodes. */
import { readdirSync, readFileSync } from "node:fs";
import { fixture, onEachEngine, testEngines } from "@mixtape/testing";
import { tidy } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { type ForCausalLM, type LoadWarning, loadModel } from "../src/index.js";

const FOLDER = fixture("quantized");

/** Made by `tools/reference/golden_quantized_models.py`. */
interface Golden {
  readonly inputIds: readonly number[];
  /** Of the last position. */
  readonly logits: readonly number[];
}

onEachEngine(
  (engine) => {
    test.each(readdirSync(FOLDER))("%s", async (name) => {
      const golden = JSON.parse(readFileSync(`${FOLDER}/${name}/golden.json`, "utf8")) as Golden;
      const warnings: LoadWarning[] = [];
      const model = await loadModel(`${FOLDER}/${name}`, { onWarning: (warning) => warnings.push(warning) });
      const logits = tidy(() => (model as ForCausalLM).forward({ inputIds: [[...golden.inputIds]] }).logits.dataSync());
      model.dispose();
      const last = logits.slice(-golden.logits.length);
      for (const [i, value] of golden.logits.entries()) expect(Math.abs(last[i]! - value)).toBeLessThan(1e-4);
      // The engine native keeps some formats.
      const isDecoded = engine !== "native" || warnings.length > 0;
      expect(warnings.map(({ kind }) => kind)).toEqual(isDecoded ? ["decoded-weights"] : []);
      if (isDecoded)
        expect(warnings[0]!.message).toMatch(
          /: quantised weights \([\w, -]+\) are decoded to float32 on this engine: 0\.\d MiB in memory, for 0\.\d MiB in the file$/,
        );
    });
  },
  [...new Set(["cpu", "wasm", ...testEngines()] as const)],
);
