/**
 * Finds the parts of a chat that its template writes nothing of: a role that it does not know, a list of parts where it wants a
 * string, tools. transformers leaves them out without a word.
 *
 * A part is written where its text stands in its message's turn. Where it does not, because the template changes or moves it, the
 * chat is rendered again with other text in its place: a part that changes nothing of the result is not written.
 */

import type { ChatMessage } from "./chat-message.js";
import { strip } from "./jinja/python/text.js";
import type { Rendering } from "./jinja/template.js";
import { TokenizerError } from "./tokenizer-error.js";

/** A part of a chat of which the template writes nothing. */
export interface UnwrittenPart {
  /** Index of the message; null for what stands beside the messages. */
  readonly message: number | null;
  /** `content`, `tool_calls`, `reasoning_content` or another key of the message; `tools` or `documents` beside them. */
  readonly key: string;
}

/** A chat and what stands beside it. */
export interface ChatParts {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly unknown[];
  readonly documents?: readonly unknown[];
}

/** Keys of messages that say something about a message, and nothing in it. */
const ABOUT = new Set(["role", "id", "name", "tool_call_id", "weight", "type"]);
/** Keys within parts, calls and tools whose values templates check, and which are no text. */
const FIXED = new Set(["id", "type", "role", "tool_call_id"]);
/** Shorter texts may stand in a turn by chance. */
const LONG = 8;
/** A text of a tool that is as long stands in a chat because the template wrote it. */
const VERY_LONG = 24;
/** At most so often a chat is rendered again. */
const MOST_RENDERINGS = 32;
const CHANGE = " CHANGED";

/** @param render renders a chat by the same template, without what else it was given being another */
export function findUnwrittenParts(
  rendering: Rendering,
  chat: ChatParts,
  render: (chat: ChatParts) => Rendering,
): UnwrittenPart[] {
  let left = MOST_RENDERINGS;
  const changesNothing = (parts: readonly UnwrittenPart[]): boolean => {
    if (left-- <= 0) return false;
    try {
      return render(changed(chat, parts)).text === rendering.text;
    } catch (error) {
      // A template that refuses the change has read the part.
      if (error instanceof TokenizerError) return false;
      throw error;
    }
  };
  const search = (parts: readonly UnwrittenPart[]): UnwrittenPart[] => {
    if (parts.length === 0) return [];
    if (changesNothing(parts)) return [...parts];
    if (parts.length === 1) return [];
    const half = Math.ceil(parts.length / 2);
    return [...search(parts.slice(0, half)), ...search(parts.slice(half))];
  };
  return search(partsOf(chat).filter((part) => !isFound(part, chat, rendering)));
}

/** All parts that have some text. */
function partsOf({ messages, tools, documents }: ChatParts): UnwrittenPart[] {
  const inMessages = messages.flatMap((message, index) =>
    Object.entries(message)
      .filter(([key, value]) => !ABOUT.has(key) && textsIn(value).length > 0)
      .map(([key]) => ({ message: index, key })),
  );
  const beside = Object.entries({ tools, documents }).filter(([, value]) => textsIn(value).length > 0);
  return [...inMessages, ...beside.map(([key]) => ({ message: null, key }))];
}

/** Whether a text of the part stands in its message's turn, as an expression of the template printed it; or, of tools, anywhere. */
function isFound(
  { message, key }: UnwrittenPart,
  { messages, ...beside }: ChatParts,
  { text, pieces, messages: seen }: Rendering,
) {
  if (message === null)
    return textsIn(beside[key as "tools"]).some((one) => one.length >= VERY_LONG && text.includes(one));
  const { [key]: value, content } = messages[message]!;
  const said = key !== "content" && typeof content === "string" ? strip(content) : "";
  const texts = textsIn(value);
  return pieces.some(({ subject, literal, start, end }) => {
    if (literal || subject !== seen[message]) return false;
    const printed = strip(text.slice(start, end));
    // What a message says may name the function that it calls.
    if (said !== "" && printed.includes(said)) return false;
    return texts.some((one) => (one.length < LONG ? printed === one : printed.includes(one)));
  });
}

/** The texts within a value, without white space around them. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return strip(value) === "" ? [] : [strip(value)];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  return entriesOf(value).flatMap(([key, item]) => (FIXED.has(String(key)) ? [] : textsIn(item)));
}

/** The chat with other texts in some parts. */
function changed(chat: ChatParts, parts: readonly UnwrittenPart[]): ChatParts {
  const messages = chat.messages.map((message, index) => {
    const own = parts.filter((part) => part.message === index);
    return { ...message, ...Object.fromEntries(own.map(({ key }) => [key, withOtherTexts(message[key])])) };
  });
  const beside = parts.flatMap(({ message, key }) => (message === null ? [key as "tools" | "documents"] : []));
  return { ...chat, messages, ...Object.fromEntries(beside.map((key) => [key, withOtherTexts(chat[key])])) };
}

function withOtherTexts(value: unknown): unknown {
  if (typeof value === "string") return value + CHANGE;
  if (Array.isArray(value)) return value.map(withOtherTexts);
  const entries = entriesOf(value).map(
    ([key, item]) => [key, FIXED.has(String(key)) ? item : withOtherTexts(item)] as const,
  );
  if (value instanceof Map) return new Map(entries);
  return entries.length === 0 ? value : Object.fromEntries(entries as [string, unknown][]);
}

/** Entries of a plain object or a map. */
function entriesOf(value: unknown): (readonly [unknown, unknown])[] {
  if (value instanceof Map) return [...(value as Map<unknown, unknown>)];
  if (typeof value !== "object" || value === null) return [];
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype ? Object.entries(value) : [];
}
