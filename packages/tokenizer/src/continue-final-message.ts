/** Prompts that end at the end of the last message. A mark is put after that message, and the text is cut at it. */

import type { ChatMessage } from "./chat-message.js";
import { strip, stripEnd } from "./jinja/python/text.js";
import { TokenizerError } from "./tokenizer-error.js";

const MARK = "CONTINUE_FINAL_MESSAGE_TAG ";
const WHERE = "continueFinalMessage";

export interface OpenMessage {
  readonly messages: readonly ChatMessage[];
  /** The text to continue. */
  readonly text: string;
}

/** Returns the messages with a mark after the last one's field. */
export function openFinalMessage(messages: readonly ChatMessage[], field: string, template: string): OpenMessage {
  const last = messages.at(-1) as ChatMessage;
  const value = last[field];
  if (value === undefined || value === null) {
    throw new TokenizerError({ where: WHERE, expected: `a last message with "${field}"`, got: "none" });
  }
  if (!template.includes(field)) {
    throw new TokenizerError({ where: WHERE, expected: "a field that the template mentions", got: field });
  }
  const { text, marked } = mark(value, field);
  return { messages: [...messages.slice(0, -1), { ...last, [field]: marked }], text };
}

function mark(value: unknown, field: string): { text: string; marked: unknown } {
  if (typeof value === "string") return { text: value, marked: value + MARK };
  if (!Array.isArray(value))
    throw new TokenizerError({ where: WHERE, expected: `"${field}" as a text or a list of parts`, got: typeof value });
  const parts: readonly unknown[] = value;
  const place = parts.findLastIndex(
    (part) => typeof part === "object" && part !== null && "text" in part && typeof part.text === "string",
  );
  const part = parts[place] as { readonly text: string } | undefined;
  if (part === undefined) {
    throw new TokenizerError({
      where: WHERE,
      expected: "a last message with a text part",
      got: `${parts.length} parts without text`,
    });
  }
  return { text: part.text, marked: parts.with(place, { ...part, text: part.text + MARK }) };
}

/** Returns the rendered text up to the mark. */
export function closeMarks(rendered: string, { text }: OpenMessage): string {
  const bare = MARK.trim();
  const at = rendered.lastIndexOf(bare);
  if (at === -1 || !rendered.includes(strip(text))) {
    throw new TokenizerError({
      where: WHERE,
      expected: "the last message in the rendered chat",
      got: "a chat without it",
      fix: "The template omits or changes a part of the message: pass it in the form in which the template prints it",
    });
  }
  // If the template trims the message, the white space before the mark is removed as well.
  return rendered.startsWith(MARK, at) ? rendered.slice(0, at) : stripEnd(rendered.slice(0, at));
}
