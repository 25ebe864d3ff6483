/** Quantised weights that are multiplied as they are stored, against transformers on the dequantised weights. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { generateTokens, listEngines, loadModel, useEngine } from "../src/index.js";

const folder = fileURLToPath(new URL("__fixtures__/gguf", import.meta.url));

interface Golden {
  readonly ids: number[];
  readonly logits: number[][];
  readonly greedy: number[];
}

const goldens = readdirSync(folder)
  .filter((name) => name.endsWith(".json.gz"))
  .flatMap((name) => Object.entries(JSON.parse(gunzipSync(readFileSync(`${folder}/${name}`)).toString())))
  .map(([file, golden]) => [file, golden as Golden] as const);

const hasNative = (await listEngines()).some(({ name, available }) => name === "native" && available);

describe.runIf(hasNative)("native", () => {
  afterAll(() => useEngine("native"));

  test.each(goldens)("%s in float32", async (file, { ids, logits, greedy }) => {
    await useEngine("native", { precision: "float32" });
    const model = await loadModel(`${folder}/${file}`);
    expect(await distance(model, ids, logits)).toBeLessThan(1e-4);
    const written: number[] = [];
    for await (const { id } of generateTokens(model, [ids], { maxNewTokens: greedy.length, eosTokenId: [] }))
      written.push(id);
    expect(written).toEqual(greedy);
    model.dispose();
  });

  // Activations are rounded to 8 bits: half a step of 1/127 of the largest of 32, in every product.
  test.each(goldens)("%s with rounded activations", async (file, { ids, logits }) => {
    await useEngine("native");
    const model = await loadModel(`${folder}/${file}`);
    const largest = Math.max(...logits.flat().map(Math.abs));
    expect(await distance(model, ids, logits)).toBeLessThan(0.05 * largest);
    model.dispose();
  });
});

async function distance(
  model: Awaited<ReturnType<typeof loadModel>>,
  ids: number[],
  logits: number[][],
): Promise<number> {
  const output = model.forward({ inputIds: [ids] });
  const rows = (await output.logits.array())[0]!.slice(-logits.length);
  return Math.max(...rows.flatMap((row, i) => row.map((value, j) => Math.abs(value - logits[i]![j]!))));
}
