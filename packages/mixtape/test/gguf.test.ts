/** Tiny models in GGUF, against transformers on their dequantised weights (tools/reference/gguf_models.py). */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { generateTokens, inspectModel, loadModel, loadTokenizer, useEngine } from "../src/index.js";

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

beforeAll(async () => {
  await useEngine("cpu");
});

describe.each(goldens)("%s", (file, { ids, logits, greedy }) => {
  const path = `${folder}/${file}`;

  test("has the logits and the greedy text of transformers", async () => {
    const model = await loadModel(path, { onWarning: fail });
    const output = model.forward({ inputIds: [ids] });
    const rows = (await output.logits.array())[0]!.slice(-logits.length);
    for (const [i, row] of rows.entries())
      for (const [j, value] of row.entries()) expect(Math.abs(value - logits[i]![j]!)).toBeLessThan(1e-4);
    const written: number[] = [];
    for await (const { id } of generateTokens(model, [ids], { maxNewTokens: greedy.length, eosTokenId: [] }))
      written.push(id);
    expect(written).toEqual(greedy);
    model.dispose();
  });

  test("encodes as llama.cpp", async () => {
    const tokenizer = await loadTokenizer(path, { onWarning: fail });
    expect(tokenizer.encode("The quick brown fox, 1984: naïve").slice(0, 24)).toEqual(ids);
  });

  test("is inspected", async () => {
    const { faults, warnings } = await inspectModel(path);
    expect(faults).toEqual({ missing: [], unexpected: [], misshaped: [] });
    expect(warnings).toEqual([]);
  });
});

function fail(warning: unknown): void {
  throw new Error(JSON.stringify(warning));
}
