import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type ChatMessage, Tokenizer } from "../src/index.js";

/** What Python's `tokenizers` and transformers made of a tokenizer: `tools/reference/tokenizer_golden.py`. */
export interface Golden {
  vocabSize: number;
  encodes: { text: string; ids: number[]; idsWithoutSpecial: number[] }[];
  decodes: { ids: number[]; text: string; textWithoutSpecial: string }[];
  chats: { messages: ChatMessage[]; options: Record<string, unknown>; text: string }[];
}

export const NAMES = ["qwen", "llama3", "mixtral", "metaspace", "sample-afmoe"] as const;
export type Name = (typeof NAMES)[number];

/** The folder with a tokenizer's files. The sample model has its own. */
export function folderOf(name: Name): string {
  return pathOf(name === "sample-afmoe" ? "../../../models/sample-afmoe" : `./__fixtures__/${name}`);
}

export function textOf(name: Name, file: string): string {
  return readFileSync(`${folderOf(name)}/${file}`, "utf8");
}

export function tokenizerOf(name: Name): Promise<Tokenizer> {
  return Tokenizer.fromFolder(folderOf(name));
}

export function goldenOf(name: Name): Golden {
  return JSON.parse(readFileSync(pathOf(`./__fixtures__/${name}/golden.json`), "utf8"));
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
