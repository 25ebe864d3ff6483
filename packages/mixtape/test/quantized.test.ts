/** Checkpoints as each library quantises them, against transformers on the weights that the library decodes. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openWeights, readConfig } from "@mixtape/decoder";
import { fromFloat32, openCheckpoint, toFloat32 } from "@mixtape/safetensors";
import { fixture, onEachEngine, testEngines } from "@mixtape/testing";
import { tidy } from "@tensorflow/tfjs-core";
import { expect, onTestFinished, test } from "vitest";
import { type ForCausalLM, type LoadWarning, loadModel, QuantizationError, useEngine } from "../src/index.js";

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

test.each(["compressed-tensors", "mxfp4", "mlx-afmoe"])(
  "%s is saved decoded, in the dtype of its config",
  async (name) => {
    await useEngine("cpu");
    const model = await loadModel(`${FOLDER}/${name}`, { onWarning: () => {} });
    const folder = mkdtempSync(join(tmpdir(), "mixtape-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    await model.savePretrained(folder);
    model.dispose();
    const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Record<string, unknown>;
    expect(config.dtype).toBe("bfloat16");
    expect(Object.keys(config).filter((key) => key.startsWith("quantization"))).toEqual([]);
    await using saved = await openCheckpoint(folder);
    await using quantised = await openWeights(`${FOLDER}/${name}`, await readConfig(`${FOLDER}/${name}`));
    expect(new Set(saved.names.map((tensor) => saved.tensor(tensor).dtype))).toEqual(new Set(["BF16"]));
    // Those of mlx-lm have other names.
    const same = saved.names.filter((tensor) => quantised.has(tensor));
    expect(same.length).toBeGreaterThan(20);
    for (const tensor of same) {
      const view = quantised.tensor(tensor);
      const values = toFloat32(await view.read(), view.dtype);
      expect(await saved.tensor(tensor).read()).toEqual(fromFloat32(values, "BF16"));
    }
  },
);

test.each(["gptq", "mxfp4"])("%s is not quantised again", async (name) => {
  await useEngine("cpu");
  const loading = loadModel(`${FOLDER}/${name}`, { quantize: "int8", onWarning: () => {} });
  await expect(loading).rejects.toThrow(QuantizationError);
  await expect(loading).rejects.toThrow(
    /expected weights in bfloat16, float16 or float32, to be quantised, got \S+ in the format/,
  );
});
