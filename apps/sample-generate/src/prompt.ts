/** What to continue: text, token ids, or a chat. */

import { InputError, parseJson, readInput, UsageError } from "@mixtape/command-line";
import type { ChatMessage, Tokenizer } from "@mixtape/tokenizer";

/** The flags of a prompt, of which one is given. */
export interface PromptFlags {
  readonly prompt?: string;
  readonly promptIds?: readonly number[];
  readonly chat?: string;
}

/** @throws {UsageError} unless exactly one is given */
export function checkPrompt({ prompt, promptIds, chat }: PromptFlags): void {
  const given = [prompt, promptIds, chat].filter((one) => one !== undefined).length;
  if (given !== 1)
    throw new UsageError(
      `expected ${given === 0 ? "a prompt" : "one prompt"}: --prompt TEXT, --prompt-ids 5,6,7 or --chat FILE.json`,
    );
}

/** The token ids of the prompt. Only ids do without a tokenizer. */
export async function promptIdsOf(flags: PromptFlags, tokenizer: Tokenizer | null): Promise<readonly number[]> {
  if (flags.promptIds) return flags.promptIds;
  if (!tokenizer) throw new UsageError("without a tokenizer, give the prompt as --prompt-ids");
  if (flags.prompt !== undefined) return tokenizer.encode(flags.prompt);
  const text = tokenizer.applyChatTemplate(await readChat(flags.chat!), { addGenerationPrompt: true });
  return tokenizer.encode(text, { addSpecialTokens: false });
}

/** The messages in a file: `[{ "role": "user", "content": "…" }, …]`. */
async function readChat(path: string): Promise<ChatMessage[]> {
  const expected = 'a list of messages, [{ "role": "user", "content": "…" }]';
  let json: unknown;
  const text = readInput(path, { expected }).toString("utf8");
  try {
    json = parseJson(text);
  } catch (cause) {
    const got = `no JSON (${(cause as Error).message.replace(/\s+/g, " ")})`;
    throw new InputError({ where: path, expected, got, cause });
  }
  if (!Array.isArray(json)) throw new InputError({ where: path, expected, got: "JSON that is no list" });
  if (json.length === 0) throw new InputError({ where: path, expected, got: "an empty list" });
  for (const [i, message] of json.entries()) {
    if (isMessage(message)) continue;
    const got = JSON.stringify(message).slice(0, 80);
    throw new InputError({ where: `${path}: message ${i + 1}`, expected: "a role and a content", got });
  }
  return json as ChatMessage[];
}

function isMessage(value: unknown): value is ChatMessage {
  return (
    typeof value === "object" &&
    value !== null &&
    "role" in value &&
    typeof value.role === "string" &&
    "content" in value
  );
}
