/**
 * Finds the parts of a chat that its template omits: an unknown role, a list of parts where a string is expected,
 * tools. transformers omits them silently.
 *
 * A part is written if its text is in its message's turn. If it is not, because the template changes or moves it, the
 * chat is rendered again with other text in its place: a part that does not change the result is not written.
 */

import type { ChatMessage } from "./chat-message.js";
import { strip } from "./jinja/python/text.js";
import type { Rendering } from "./jinja/template.js";
import { TokenizerError } from "./tokenizer-error.js";

/** A part of a chat that the template omits. */
export interface UnwrittenPart {
  /** Index of the message; null for parts outside the messages. */
  readonly message: number | null;
  /** `content`, `tool_calls`, `reasoning_content` or another key of the message; `tools` or `documents` beside them. */
  readonly key: string;
}

/** A chat with its tools and documents. */
export interface ChatParts {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly unknown[];
  readonly documents?: readonly unknown[];
}

/** Keys that describe a message rather than belong to its content. */
const ABOUT = new Set(["role", "id", "name", "tool_call_id", "weight", "type"]);
/** Keys within parts, calls and tools whose values templates check and do not print. */
const FIXED = new Set(["id", "type", "role", "tool_call_id"]);
/** Shorter texts may be in a turn by coincidence. */
const LONG = 8;
/** A tool's text of this length is in a chat only if the template wrote it. */
const VERY_LONG = 24;
/** Maximum number of further renderings. */
const MOST_RENDERINGS = 32;
const CHANGE = " CHANGED";

/** @param render renders a chat with the same template and otherwise unchanged options */
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

/** Lists all parts that have some text. */
function partsOf({ messages, tools, documents }: ChatParts): UnwrittenPart[] {
  const inMessages = messages.flatMap((message, index) =>
    Object.entries(message)
      .filter(([key, value]) => !ABOUT.has(key) && textsIn(value).length > 0)
      .map(([key]) => ({ message: index, key })),
  );
  const beside = Object.entries({ tools, documents }).filter(([, value]) => textsIn(value).length > 0);
  return [...inMessages, ...beside.map(([key]) => ({ message: null, key }))];
}

/**
 * Whether the text of the part is in its message's turn, printed by an expression of the template; for tools, anywhere.
 */
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
    // A message's content may name the function that it calls.
    if (said !== "" && printed.includes(said)) return false;
    return texts.some((one) => (one.length < LONG ? printed === one : printed.includes(one)));
  });
}

/** Returns the trimmed texts within a value. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return strip(value) === "" ? [] : [strip(value)];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  return entriesOf(value).flatMap(([key, item]) => (FIXED.has(String(key)) ? [] : textsIn(item)));
}

/** Returns the chat with other texts in some parts. */
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

/** Returns the entries of a plain object or a map. */
function entriesOf(value: unknown): (readonly [unknown, unknown])[] {
  if (value instanceof Map) return [...(value as Map<unknown, unknown>)];
  if (typeof value !== "object" || value === null) return [];
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype ? Object.entries(value) : [];
}
