/** The messages of a row, and the other inputs of its chat template. */

import { MixtapeError } from "@mixtape/errors";
import { type ChatMessage, parsePythonJson } from "@mixtape/tokenizer";
import { DataError } from "../errors.js";
import type { ChatOptions } from "./data-tokenizer.js";
import { kindOf } from "./kind-of.js";

type Row = Readonly<Record<string, unknown>>;

/** Roles of ShareGPT's files, with the names that templates know. */
const SHAREGPT_ROLES = new Map([
  ["human", "user"],
  ["gpt", "assistant"],
]);
/** Parts of a content other than text. */
const NO_TEXT = ["image", "image_url", "video", "audio", "input_audio"];
/** Arguments of transformers' `apply_chat_template` that are not template variables. */
const ARGUMENTS = [
  "conversation messages tokenize padding truncation max_length return_tensors return_dict",
  "return_assistant_tokens_mask tokenizer_kwargs continue_final_message add_generation_prompt",
].flatMap((names) => names.split(" "));

/**
 * Reads the messages of a key. `from` and `value` become `role` and `content`, as in trl; the roles `human` and `gpt`,
 * which no template knows, become `user` and `assistant`.
 * @throws {DataError} if they are not messages of a text chat
 */
export function chatRow(row: Row, key: string, where: string): { messages: readonly ChatMessage[]; renamed: boolean } {
  const list = row[key];
  const at = `${where}: ${key}`;
  if (!Array.isArray(list)) throw new DataError({ where: at, expected: "a list of messages", got: kindOf(list) });
  if (list.length === 0) throw new DataError({ where: at, expected: "at least one message", got: "none" });
  let renamed = false;
  const messages = list.map((item: unknown, i): ChatMessage => {
    const place = `${at}[${i}]`;
    if (typeof item !== "object" || item === null || Array.isArray(item))
      throw new DataError({ where: place, expected: 'a message, {"role": …, "content": …}', got: kindOf(item) });
    const { from, value, ...rest } = (item instanceof Map ? Object.fromEntries(item) : item) as Record<string, unknown>;
    const message: Record<string, unknown> = {
      ...rest,
      ...(from !== undefined && { role: from }),
      ...(value !== undefined && { content: value }),
    };
    if (typeof message.role !== "string")
      throw new DataError({
        where: place,
        expected: 'a message, {"role": …, "content": …}',
        got:
          Object.keys(item).length === 0
            ? "an empty object"
            : `the keys ${Object.keys(rest).join(", ") || "from, value"}`,
      });
    const role = from === undefined ? undefined : SHAREGPT_ROLES.get(message.role);
    if (role !== undefined) renamed = true;
    checkMessage(message, place);
    return { ...message, role: role ?? message.role };
  });
  return { messages, renamed };
}

function checkMessage({ role, content, weight, tool_calls: calls }: Record<string, unknown>, where: string): void {
  if (role === "assistant" && content === undefined && calls === undefined)
    throw new DataError({ where, expected: "a content, or tool_calls", got: "neither" });
  const part = Array.isArray(content)
    ? content.find((item) => NO_TEXT.includes((item as { type?: string })?.type ?? ""))
    : undefined;
  if (part)
    throw new DataError({
      where: `${where}.content`,
      expected: "text",
      got: JSON.stringify((part as { type: string }).type),
      fix: "These models only read text",
    });
  if (weight !== undefined && weight !== null && Number(weight) !== 1)
    throw new DataError({
      where: `${where}.weight`,
      expected: "1: every answer of the assistant is trained on",
      got: `${Number(weight)}`,
      fix: 'Write the chat as {"prompt": […], "completion": […]}: only the completion is trained on',
    });
}

/**
 * Reads the other inputs of a chat template: `tools` (a list, or JSON of one, as datasets store it), `documents`, and
 * more variables in `chat_template_kwargs`, which take precedence.
 * @throws {DataError} for values of the wrong kind
 */
export function chatOptions(row: Row, where: string): ChatOptions {
  const { chat_template: template, tools, documents, ...variables } = kwargsOf(row, where);
  const given = {
    tools: tools === undefined ? row.tools : tools,
    documents: documents === undefined ? row.documents : documents,
  };
  if (template !== undefined && typeof template !== "string")
    throw new DataError({
      where: `${where}: chat_template_kwargs.chat_template`,
      expected: "a string",
      got: kindOf(template),
    });
  const lists = Object.entries(given).flatMap(([key, value]) => {
    const list = listOf(value, `${where}: ${key}`);
    return list ? [[key, list]] : [];
  });
  return {
    ...Object.fromEntries(lists),
    ...(template !== undefined && { template }),
    ...(Object.keys(variables).length > 0 && { variables }),
  };
}

function listOf(value: unknown, where: string): readonly unknown[] | undefined {
  const list = typeof value === "string" ? parsedJson(value, where) : value;
  if (list === undefined || list === null) return undefined;
  if (!Array.isArray(list)) throw new DataError({ where, expected: "a list, or JSON of one", got: kindOf(list) });
  const wrong = list.findIndex((item) => typeof item !== "object" || item === null || Array.isArray(item));
  if (wrong === -1) return list;
  throw new DataError({ where: `${where}[${wrong}]`, expected: "an object", got: kindOf(list[wrong]) });
}

function kwargsOf(row: Row, where: string): Record<string, unknown> {
  const at = `${where}: chat_template_kwargs`;
  const value = row.chat_template_kwargs;
  const kwargs = typeof value === "string" ? parsedJson(value, at) : (value ?? {});
  if (typeof kwargs !== "object" || kwargs === null || Array.isArray(kwargs))
    throw new DataError({ where: at, expected: "an object", got: kindOf(kwargs) });
  const all = (kwargs instanceof Map ? Object.fromEntries(kwargs) : kwargs) as Record<string, unknown>;
  const argument = Object.keys(all).find((key) => ARGUMENTS.includes(key));
  if (argument !== undefined)
    throw new DataError({
      where: at,
      expected: "variables of the chat template, such as enable_thinking",
      got: argument,
      fix: "It controls how a prompt is rendered, and does not belong in training data",
    });
  return all;
}

function parsedJson(text: string, where: string): unknown {
  if (text.trim() === "") return undefined;
  try {
    return parsePythonJson(text, where);
  } catch (cause) {
    if (!(cause instanceof MixtapeError)) throw cause;
    throw new DataError({ where, expected: `JSON: ${cause.expected}`, got: cause.got, cause });
  }
}
