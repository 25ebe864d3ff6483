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

export const NAMES = ["qwen", "llama3", "mixtral", "metaspace"] as const;
export type Name = (typeof NAMES)[number];

export function folderOf(name: Name): string {
  return fileURLToPath(new URL(`./__fixtures__/${name}`, import.meta.url));
}

export function textOf(name: Name, file: string): string {
  return readFileSync(`${folderOf(name)}/${file}`, "utf8");
}

export function tokenizerOf(name: Name): Promise<Tokenizer> {
  return Tokenizer.fromFolder(folderOf(name));
}

export function goldenOf(name: Name): Golden {
  return JSON.parse(textOf(name, "golden.json"));
}
