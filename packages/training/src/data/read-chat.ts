/** A chat to answer: the messages alone, or a row of a dataset of chats. */

import type { ChatMessage } from "@mixtape/tokenizer";
import { DataError } from "../errors.js";
import { chatOptions, chatRow } from "./chat-row.js";
import type { ChatOptions } from "./data-tokenizer.js";
import { kindOf } from "./kind-of.js";

const EXPECTED = '[{ "role": "user", "content": "…" }], or { "messages": […], "tools": […] }';
const MESSAGES = ["messages", "conversations"];
const OPTIONS = ["tools", "documents", "chat_template_kwargs"];

/** A chat, with the other inputs of its template. */
export interface Chat {
  readonly messages: readonly ChatMessage[];
  readonly options: ChatOptions;
}

/**
 * Reads a chat: a list of messages, or an object with `messages` (or `conversations`), `tools`, `documents` and
 * `chat_template_kwargs`, as in a row of a training file. A value parsed with `parsePythonJson` is rendered as in
 * Python.
 *
 * @param where the chat, for errors
 * @throws {DataError} if it is not a chat, and for an unknown key
 */
export function readChat(value: unknown, where: string): Chat {
  if (Array.isArray(value)) {
    const { messages } = chatRow({ messages: value }, "messages", where);
    return { messages, options: {} };
  }
  if (typeof value !== "object" || value === null)
    throw new DataError({ where, expected: EXPECTED, got: kindOf(value) });
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const row: Record<string, unknown> = Object.fromEntries(entries.filter(([, item]) => item !== null));
  const keys = Object.keys(row);
  const [key, another] = MESSAGES.filter((name) => keys.includes(name));
  if (key === undefined || another !== undefined)
    throw new DataError({ where, expected: EXPECTED, got: `an object with the keys ${list(keys)}` });
  const unknown = keys.filter((name) => name !== key && !OPTIONS.includes(name));
  if (unknown.length > 0)
    throw new DataError({
      where,
      expected: `no keys but ${list([key, ...OPTIONS])}`,
      got: list(unknown),
      fix: unknown.length > 1 ? "Leave them out" : "Leave it out",
    });
  return { messages: chatRow(row, key, where).messages, options: chatOptions(row, where) };
}

function list(keys: readonly string[]): string {
  const some = keys.slice(0, 12).map((key) => JSON.stringify(key.slice(0, 60)));
  return keys.length === 0 ? "of none" : some.join(", ") + (keys.length > some.length ? ", …" : "");
}
