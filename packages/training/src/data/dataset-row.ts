/** Rows of a dataset, in the formats of trl and transformers, distinguished and checked. */

import type { Fix } from "@mixtape/errors";
import type { ChatMessage } from "@mixtape/tokenizer";
import { DataError } from "../errors.js";
import { chatOptions, chatRow } from "./chat-row.js";
import type { ChatOptions } from "./data-tokenizer.js";
import { kindOf } from "./kind-of.js";
import { tokenRow } from "./token-row.js";

/** A row of a dataset. */
export type DatasetRow =
  | { readonly format: "text"; readonly text: string }
  | { readonly format: "completion"; readonly prompt: string; readonly completion: string }
  | {
      readonly format: "chat completion";
      readonly prompt: readonly ChatMessage[];
      readonly completion: readonly ChatMessage[];
      readonly options: ChatOptions;
    }
  | {
      readonly format: "chat";
      readonly messages: readonly ChatMessage[];
      readonly options: ChatOptions;
      /** Whether roles were `human` and `gpt`, as in ShareGPT. */
      readonly renamed: boolean;
    }
  | { readonly format: "tokens"; readonly inputIds: readonly number[]; readonly labels: readonly number[] };

/** Formats: keys that identify one, and optional keys. */
const FORMATS = {
  messages: { tell: ["messages"], beside: [] },
  conversations: { tell: ["conversations"], beside: [] },
  completion: { tell: ["prompt", "completion"], beside: [] },
  text: { tell: ["text"], beside: [] },
  tokens: { tell: ["input_ids"], beside: ["labels", "attention_mask", "completion_mask", "assistant_masks"] },
} as const;
/** Inputs of a chat template besides the messages. */
const CHAT_KEYS = ["tools", "documents", "chat_template_kwargs"];

/** The formats, for messages. */
export const FORMATS_TEXT = '{"text": …}, {"prompt": …, "completion": …}, {"messages": […]} or {"input_ids": […]}';

const PREFERENCES =
  "Preferences (DPO, reward models) are not trained here. For supervised training keep the chosen answer alone, as completion or in messages";
const TEXT_ALONE = "These models only read text";
/** Keys of unsupported features, with a fix. */
const REFUSED = new Map([
  ["chosen", PREFERENCES],
  ["rejected", PREFERENCES],
  ["images", TEXT_ALONE],
  ["image", TEXT_ALONE],
  ["videos", TEXT_ALONE],
  ["audio", TEXT_ALONE],
  ["system", "Write it as the first message, of the role system"],
]);
/** Keys of other formats, with a fix. */
const OTHER_FORMATS = new Map([
  [
    "instruction",
    'Write it as {"prompt": …, "completion": …} or {"messages": […]}: how an instruction and its input are put together is yours to say',
  ],
  ["question", 'Write it as {"prompt": …, "completion": …} or {"messages": […]}'],
]);
/** Maximum number of keys listed in a message. */
const MOST_KEYS = 12;

/**
 * Reads a row. A key that is null counts as absent, since datasets write null for columns that a row does not have.
 * @param where the row, for errors
 * @param ignoreKeys keys to ignore
 * @throws {DataError} for an unknown key, several formats in one row, or a value of the wrong kind
 */
export function readRow(value: unknown, where: string, ignoreKeys: readonly string[] = []): DatasetRow {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new DataError({ where, expected: FORMATS_TEXT, got: kindOf(value) });
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const row: Record<string, unknown> = Object.fromEntries(
    entries.filter(([key, item]) => item !== null && item !== undefined && !ignoreKeys.includes(key)),
  );
  const keys = Object.keys(row);
  const refused = keys.find((key) => REFUSED.has(key));
  if (refused !== undefined)
    throw unknownKeys([refused], "of texts, completions, chats or tokens", where, REFUSED.get(refused));
  const found = Object.entries(FORMATS).filter(([, { tell }]) => tell.some((key) => keys.includes(key)));
  const [format, another] = found;
  if (!format) throw noFormat(row, where);
  const [name, { tell, beside }] = format as [keyof typeof FORMATS, (typeof FORMATS)[keyof typeof FORMATS]];
  const isChat = name === "messages" || name === "conversations" || Array.isArray(row.prompt);
  const known: readonly string[] = [...tell, ...beside, ...(isChat ? CHAT_KEYS : [])];
  const unknown = keys.filter((key) => !known.includes(key));
  if (another)
    throw new DataError({
      where,
      expected: "one format",
      got: `${quoted(tell.filter((key) => keys.includes(key)))} and ${quoted(another[1].tell.filter((key) => keys.includes(key)))}`,
      fix: ignoring(unknown, "To train on the first only"),
    });
  if (unknown.length > 0) throw unknownKeys(unknown, quoted(known), where);
  switch (name) {
    case "messages":
    case "conversations":
      return { format: "chat", ...chatRow(row, name, where), options: chatOptions(row, where) };
    case "completion":
      return completionRow(row, where);
    case "text":
      return { format: "text", text: text(row, "text", where) };
    case "tokens":
      return { format: "tokens", ...tokenRow(row, where) };
  }
}

function completionRow(row: Readonly<Record<string, unknown>>, where: string): DatasetRow {
  for (const [key, other] of [
    ["prompt", "completion"],
    ["completion", "prompt"],
  ] as const)
    if (row[key] === undefined)
      throw new DataError({ where, expected: `${JSON.stringify(key)} beside ${JSON.stringify(other)}`, got: "none" });
  if (!Array.isArray(row.prompt)) {
    const [prompt, completion] = [text(row, "prompt", where), text(row, "completion", where)];
    return { format: "completion", prompt, completion };
  }
  const { messages: prompt } = chatRow(row, "prompt", where);
  const { messages: completion } = chatRow(row, "completion", where);
  return { format: "chat completion", prompt, completion, options: chatOptions(row, where) };
}

function text(row: Readonly<Record<string, unknown>>, key: string, where: string): string {
  const value = row[key];
  if (typeof value !== "string")
    throw new DataError({ where: `${where}: ${key}`, expected: "a string", got: kindOf(value) });
  return value;
}

function unknownKeys(unknown: readonly string[], known: string, where: string, reason?: string): DataError {
  const chat = unknown.filter((key) => CHAT_KEYS.includes(key));
  const [they, are] = unknown.length > 1 ? ["they", "are"] : ["it", "is"];
  return new DataError({
    where,
    expected: `no keys but ${known}`,
    got: quoted(unknown),
    fix:
      reason ??
      (chat.length > 0
        ? `${chat.join(" and ")} ${are} for chats: lists of messages`
        : ignoring(unknown, `If ${they} ${are} not needed for training`)),
  });
}

function ignoring(keys: readonly string[], purpose: string): Fix {
  return { option: "ignoreKeys", value: keys.slice(0, MOST_KEYS), text: (option) => `${purpose}, pass ${option}` };
}

function quoted(keys: readonly string[]): string {
  const more = keys.length > MOST_KEYS ? ` and ${keys.length - MOST_KEYS} more` : "";
  return `${keys
    .slice(0, MOST_KEYS)
    .map((key) => JSON.stringify(key.slice(0, 60)))
    .join(", ")}${more}`;
}

function noFormat(row: Readonly<Record<string, unknown>>, where: string): DataError {
  const keys = Object.entries(row)
    .slice(0, MOST_KEYS)
    .map(([key, part]) => `${JSON.stringify(key.slice(0, 60))}: ${kindOf(part)}`);
  const advice = OTHER_FORMATS.get(Object.keys(row).find((key) => OTHER_FORMATS.has(key)) ?? "");
  return new DataError({ where, expected: FORMATS_TEXT, got: `{${keys.join(", ")}}`, ...(advice && { fix: advice }) });
}
