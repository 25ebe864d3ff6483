/** Notes on a chat, for training on it or generating with it. */

import type { ChatMessage, UnwrittenPart } from "@mixtape/tokenizer";
import { expectThat } from "../checks.js";

/** Roles that templates know, and the answering role. */
const ROLES = new Set(["system", "developer", "user", "assistant", "tool", "function", "ipython"]);
const REASONING = new Set(["reasoning_content", "reasoning", "thinking", "thinking_content"]);

/**
 * Lists the roles that no template knows, in quotes; undefined if there are none.
 * @throws {TrainingError} for invalid messages
 */
export function oddRoles(messages: readonly ChatMessage[]): string | undefined {
  checkMessages("oddRoles", messages);
  const odd = [...new Set(messages.map(({ role }) => role))].filter((role) => !ROLES.has(role));
  const some = odd.slice(0, 6).map((role) => JSON.stringify(role.slice(0, 40)));
  return odd.length === 0 ? undefined : some.join(", ") + (odd.length > some.length ? ", …" : "");
}

/**
 * Lists the parts of a chat that its template omits, each kind once.
 * @param parts from `renderChat` of a tokenizer
 * @throws {TrainingError} for invalid messages or parts
 */
export function aboutUnwritten(messages: readonly ChatMessage[], parts: readonly UnwrittenPart[]): string[] {
  checkMessages("aboutUnwritten", messages);
  const isPart = (part: UnwrittenPart | null): boolean =>
    typeof part?.key === "string" && (part.message === null || messages[part.message] !== undefined);
  const areParts = Array.isArray(parts) && parts.every(isPart);
  expectThat(areParts, "aboutUnwritten: parts", "parts of these messages, as renderChat gives them", parts);
  const lastQuestion = messages.findLastIndex(({ role }) => role === "user");
  const kinds = parts.map(({ message: index, key }) => {
    const name = JSON.stringify(key.slice(0, 60));
    if (index === null) return name;
    const { role, [key]: value } = messages[index]!;
    const whose = `${name} of ${/^[\w-]+$/.test(role) ? role : JSON.stringify(role.slice(0, 40))} messages`;
    if (Array.isArray(value) && key === "content") return `${whose} that is a list of parts: write one string`;
    const isPast = role === "assistant" && index < lastQuestion && REASONING.has(key);
    return isPast ? `${whose} before the last question, as is usual for reasoning` : whose;
  });
  return [...new Set(kinds)];
}

function checkMessages(where: string, messages: unknown): void {
  const areMessages = Array.isArray(messages) && messages.every((message) => typeof message?.role === "string");
  expectThat(
    areMessages,
    `${where}: messages`,
    'a list of messages, such as { "role": "user", "content": "…" }',
    messages,
  );
}
