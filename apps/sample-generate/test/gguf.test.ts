/** Commands on GGUF files, with the text that transformers writes (tools/reference/gguf_models.py). */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { fails, json, run } from "./command.js";

const folder = fileURLToPath(new URL("../../../packages/mixtape/test/__fixtures__/gguf", import.meta.url));
const FILE = `${folder}/qwen3moe.Q8_0.gguf`;
const golden = JSON.parse(gunzipSync(readFileSync(`${folder}/qwen3moe.json.gz`)).toString()) as Record<
  string,
  { readonly ids: number[]; readonly greedy: number[] }
>;

test("generate continues a prompt", async () => {
  const { ids, greedy } = golden["qwen3moe.Q8_0.gguf"]!;
  const flags = ["--engine", "cpu", "--prompt-ids", ids.join(), "--max-new-tokens", "8", "--json"];
  const { code, stdout, stderr } = await run(["generate", "--model", FILE, ...flags]);
  expect(code).toBe(0);
  expect(stdout).toContain(JSON.stringify(greedy.slice(0, 8)).slice(1, -1));
  expect(stderr).toMatch(/^warning: .+: quantised weights \(Q8_0\) are decoded to float32 on this engine: .+\.\n$/);
});

test("inspect counts the weights of each format", async () => {
  const result = await json<{ readonly dtypes: Record<string, { readonly tensors: number }> }>(
    ...["inspect", "--model", FILE, "--engine", "cpu"],
  );
  expect(result.dtypes).toMatchObject({ Q8_0: { tensors: 2 + 2 * (4 + 12) } });
});

test("a file that is not there is an error that names both kinds of a model", async () => {
  const message =
    /^error: no\/model\.gguf: expected a folder with config\.json and safetensors files, or a GGUF file, got/;
  await fails(1, message, "inspect", "--model", "no/model.gguf");
});
