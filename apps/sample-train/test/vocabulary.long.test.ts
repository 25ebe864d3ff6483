/** Tokens that the tokenizer has and the model does not. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { start } from "@mixtape/command-line/testing";
import { expect, test } from "vitest";
import { fails, GENERATE, temporaryFolder, trained, write } from "./command.js";
import { writeTinyModel } from "./tiny-model.js";

const folder = temporaryFolder();

test("get rows that train: of the model in full, or as copies in an adapter, which runs and merges", async () => {
  const model = await writeTinyModel(join(folder, "tiny"));
  const path = join(model, "tokenizer.json");
  const json = JSON.parse(readFileSync(path, "utf8")) as { added_tokens: object[] };
  const rows = (JSON.parse(readFileSync(join(model, "config.json"), "utf8")) as { vocab_size: number }).vocab_size;
  const token = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  for (const [i, content] of ["<tool>", "</tool>"].entries())
    json.added_tokens.push({ id: rows + i, content, ...token });
  writeFileSync(path, JSON.stringify(json));
  const data = write(folder, "tools.jsonl", [{ text: "<tool>call</tool> done" }, { text: "<tool>ask</tool> done" }]);
  const args = (output: string, ...more: string[]): string[] => [
    ...["--model", model, "--data", data, "--output", join(folder, output), "--steps", "2", "--max-length", "16"],
    ...["--learning-rate", "0.01", ...more],
  ];
  const vocabSizeOf = (name: string): unknown =>
    (JSON.parse(readFileSync(join(folder, name, "config.json"), "utf8")) as Record<string, unknown>).vocab_size;

  await fails(
    1,
    new RegExp(`expected tokens .* up to ${rows - 1}, got ${rows}\\. .*--resize-embeddings`),
    ...args("none"),
  );
  await fails(
    2,
    /--resize-embeddings is for --method full, lora/,
    ...args("mola", "--method", "mola", "--resize-embeddings"),
  );
  const full = await trained(...args("full", "--method", "full", "--resize-embeddings"));
  expect(full.lastLoss).toBeLessThan(full.firstLoss);
  expect(vocabSizeOf("full")).toBe(rows + 2);

  await trained(...args("lora", "--resize-embeddings"));
  const [adapter, merged] = [join(folder, "lora"), join(folder, "merged")];
  const config = JSON.parse(readFileSync(join(adapter, "adapter_config.json"), "utf8")) as Record<string, unknown>;
  expect(config.modules_to_save).toContain("embed_tokens");
  const { code, stderr } = await start(GENERATE, ["merge", "--model", model, "--adapter", adapter, "--output", merged]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(vocabSizeOf("merged")).toBe(rows + 2);
  const write4 = async (...more: string[]): Promise<unknown> => {
    const prompt = ["--prompt", "<tool>call", "--max-new-tokens", "4", "--engine", "wasm", "--json"];
    const ended = await start(GENERATE, ["generate", ...more, ...prompt]);
    return (JSON.parse(ended.stdout) as { ids: number[] }).ids;
  };
  expect(await write4("--model", merged)).toEqual(await write4("--model", model, "--adapter", adapter));
});
