/** Files of a tokenizer, to be saved with a model. */

import { existsSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openGguf } from "@mixtape/mixtape";
import { CHAT_TEMPLATE_FOLDER, TOKENIZER_FILES } from "@mixtape/tokenizer";
import { isGguf } from "./path.js";
import { readInput } from "./read-file.js";

const expected = "a file of a tokenizer";

/**
 * Reads the files of a model's tokenizer, by name, except for the model's config. Those of a GGUF file are made of its
 * metadata.
 * @throws {InputError} if one is not a file
 */
export async function tokenizerFiles(folder: string): Promise<Record<string, Uint8Array>> {
  if (isGguf(folder)) return ggufFiles(folder);
  const there = TOKENIZER_FILES.filter((name) => name !== "config.json" && existsSync(join(folder, name)));
  return Object.fromEntries(there.map((name) => [name, readInput(join(folder, name), { expected })]));
}

async function ggufFiles(path: string): Promise<Record<string, Uint8Array>> {
  const file = await openGguf(path);
  if (file.metadata.get("tokenizer.ggml.model") === undefined) return {};
  const names = file.files.filter((name) => TOKENIZER_FILES.includes(name) && name !== "config.json");
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await file.readFile(name))!] as const)),
  );
}

/**
 * Copies named chat templates, which are in a folder beside the other files.
 * @throws {InputError} if one is not a file
 */
export function copyNamedTemplates(from: string, to: string): void {
  const source = join(from, CHAT_TEMPLATE_FOLDER);
  if (!existsSync(source) || !statSync(source).isDirectory()) return;
  const target = join(to, CHAT_TEMPLATE_FOLDER);
  for (const name of readdirSync(source).filter((file) => file.endsWith(".jinja"))) {
    const bytes = readInput(join(source, name), { expected });
    if (!existsSync(target)) mkdirSync(target);
    writeFileSync(join(target, `${name}.tmp`), bytes);
    renameSync(join(target, `${name}.tmp`), join(target, name));
  }
}
