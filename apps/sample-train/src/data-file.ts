/** Files of texts to learn, as token ids and labels. */

import { createHash } from "node:crypto";
import { InputError, readInput } from "@mixtape/command-line";
import type { ChatMessage, Tokenizer } from "@mixtape/tokenizer";
import type { Example } from "@mixtape/training";

/** The texts of a file. */
export interface DataFile {
  readonly examples: readonly Example[];
  /** What tells whether the file is still the same. */
  readonly sha256: string;
}

const IGNORED = -100;
const EXPECTED = '{"text": …}, {"prompt": …, "completion": …} or {"messages": […]}';

/**
 * Reads a `.txt` file, which is one text, or a `.jsonl` file, which has one on each line. Prompts, and what others than the
 * assistant say in a chat, have no part in the loss.
 * @throws {InputError} that names the line where one is not as it should be, and for a file without any text
 */
export async function readData(path: string, tokenizer: Tokenizer): Promise<DataFile> {
  const isLines = path.endsWith(".jsonl");
  if (!isLines && !path.endsWith(".txt"))
    throw new InputError({ where: path, expected: "a .txt or a .jsonl file", got: "another name" });
  const bytes = readInput(path, { expected: "a file of texts", large: true });
  const text = decoded(bytes, path);
  const examples = isLines ? readLines(text, path, tokenizer) : [wholeText(text, tokenizer)];
  if (text.trim() === "" || examples.length === 0)
    throw new InputError({ where: path, expected: "text to learn", got: "an empty file" });
  if (!examples.some(({ labels = [] }) => labels.some((label, i) => i > 0 && label !== IGNORED)))
    throw new InputError({
      where: path,
      expected: "a text of at least two tokens with something to learn",
      got: "none: all labels are ignored",
      fix: "Completions and what the assistant says are learnt; prompts are not",
    });
  return { examples, sha256: createHash("sha256").update(bytes).digest("hex") };
}

function readLines(text: string, path: string, tokenizer: Tokenizer): Example[] {
  return text.split(/\r?\n/).flatMap((line, i) => {
    if (line.trim() === "") return [];
    const where = `${path}: line ${i + 1}`;
    return [exampleOf(parsed(line, where), where, tokenizer)];
  });
}

function exampleOf(value: Readonly<Record<string, unknown>>, where: string, tokenizer: Tokenizer): Example {
  const { text, prompt, completion, messages } = value;
  if (typeof text === "string") return wholeText(text, tokenizer);
  if (typeof prompt === "string" && typeof completion === "string") return completed(prompt, completion, tokenizer);
  if (Array.isArray(messages)) return chat(checkedMessages(messages, where), tokenizer);
  const keys = Object.entries(value).map(([key, part]) => `${JSON.stringify(key)}: ${kindOf(part)}`);
  throw new InputError({ where, expected: EXPECTED, got: `{${keys.join(", ")}}` });
}

/** A text and the token that ends one. */
function wholeText(text: string, tokenizer: Tokenizer): Example {
  const inputIds = ended(tokenizer.encode(text), tokenizer);
  return { inputIds, labels: inputIds };
}

function completed(prompt: string, completion: string, tokenizer: Tokenizer): Example {
  const before = tokenizer.encode(prompt);
  const after = ended(tokenizer.encode(completion, { addSpecialTokens: false }), tokenizer);
  return { inputIds: [...before, ...after], labels: [...before.map(() => IGNORED), ...after] };
}

/**
 * A chat through the tokenizer's template. What the assistant says is found as what its turn adds to the text before it, after
 * the header of the turn.
 */
function chat(messages: readonly ChatMessage[], tokenizer: Tokenizer): Example {
  const rendered = (count: number, addGenerationPrompt: boolean): string =>
    count === 0 && !addGenerationPrompt
      ? ""
      : tokenizer.applyChatTemplate(messages.slice(0, count), { addGenerationPrompt });
  const inputIds: number[] = [];
  const labels: number[] = [];
  let shown = "";
  const say = (text: string, isLearnt: boolean): void => {
    const ids = tokenizer.encode(text.slice(commonLength(shown, text)), { addSpecialTokens: false });
    shown = text;
    inputIds.push(...ids);
    labels.push(...ids.map((id) => (isLearnt ? id : IGNORED)));
  };
  messages.forEach(({ role }, i) => {
    if (role !== "assistant") return;
    if (i > 0) say(rendered(i, true), false);
    say(rendered(i + 1, false), true);
  });
  return { inputIds, labels };
}

function commonLength(before: string, after: string): number {
  let length = 0;
  while (length < before.length && before[length] === after[length]) length++;
  return length;
}

function ended(ids: readonly number[], { eosTokenId }: Tokenizer): number[] {
  return eosTokenId === null || ids.at(-1) === eosTokenId ? [...ids] : [...ids, eosTokenId];
}

function checkedMessages(messages: readonly unknown[], where: string): ChatMessage[] {
  const wrong = messages.findIndex(
    (message) => typeof message !== "object" || message === null || !("role" in message && "content" in message),
  );
  if (wrong === -1 && messages.length > 0) return messages as ChatMessage[];
  throw new InputError({
    where,
    expected: "messages with a role and a content",
    got: wrong === -1 ? "no messages" : JSON.stringify(messages[wrong]).slice(0, 80),
  });
}

function parsed(line: string, where: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    const got = `no JSON (${(cause as Error).message.replace(/\s+/g, " ")})`;
    throw new InputError({ where, expected: EXPECTED, got, cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new InputError({ where, expected: EXPECTED, got: `JSON that is ${kindOf(value)}` });
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}

function decoded(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new InputError({ where: path, expected: "text in UTF-8", got: "bytes that are none", cause });
  }
}
