/** A row of a dataset as token ids and labels, as trl prepares it. */

import { checkOptions, MixtapeError, renameOptions } from "@mixtape/errors";
import type { ChatMessage, UnwrittenPart } from "@mixtape/tokenizer";
import { type Example, IGNORED } from "../batch.js";
import { DataError } from "../errors.js";
import { aboutUnwritten, oddRoles } from "./about-chats.js";
import { checkArguments } from "./check-arguments.js";
import type { DataTokenizer } from "./data-tokenizer.js";
import { type DatasetRow, readRow } from "./dataset-row.js";
import { assistantMask, completionMask, maskLabels } from "./label-masks.js";

/** Options of {@link prepareExample}. */
export interface PrepareOptions {
  /** Name of the row, for errors. Default: `row`. */
  readonly where?: string;
  /** Keys of the row to ignore. Any other unknown key is an error. */
  readonly ignoreKeys?: readonly string[];
  /** The chat template, its text or its name; a row's own takes precedence. Default: the tokenizer's. */
  readonly chatTemplate?: string;
}

/** A text to train on, with warnings from its preparation. */
export interface PreparedExample extends Required<Example> {
  readonly warnings: readonly PrepareWarning[];
}

/** A warning about a text: its kind, and for some kinds the affected part. */
export type PrepareWarning = keyof typeof WARNINGS | `${keyof typeof WARNINGS}: ${string}`;

/** Text of each kind of warning, after the number of texts, and before the affected part. */
const WARNINGS = {
  promptDiffers:
    "the tokens of the prompt alone are not the first tokens of prompt and completion (tokens merge at the border, or the chat template renders the prompt alone otherwise): labels start where they differ. Prompts that end with a whole token, without a space, avoid that",
  noAssistant: "no assistant message, so no token is labelled",
  otherRoles: 'no token is labelled, since no message has the role "assistant". Other roles:',
  nothingLearnt: "no token after the first is labelled",
  shareGptRoles: "the roles human and gpt are read as user and assistant",
  unwritten: "the chat template writes nothing of",
} as const;

/** Formats a warning. */
export function sentenceOf(warning: PrepareWarning): string {
  const [kind] = warning.split(":", 1) as [keyof typeof WARNINGS];
  return WARNINGS[kind] + warning.slice(kind.length + 1);
}

/** Whether a warning explains why a chat has no loss. */
export function saysWhyNothing(warning: PrepareWarning): boolean {
  return /^(noAssistant|otherRoles|unwritten)/.test(warning);
}

/**
 * Prepares a row of a dataset for training.
 *
 * | row | tokens with loss |
 * |---|---|
 * | `{ text }` | all, and the end-of-text token |
 * | `{ prompt, completion }` | the completion, and the end-of-text token. Prompt and completion are tokenized as one
 * text |
 * | `{ prompt, completion }` of messages | the text that the chat template writes after the prompt |
 * | `{ messages }` or `{ conversations }` | the assistant's text: the chat is rendered once, and its assistant spans
 * are used |
 * | `{ input_ids }` | those set by `labels`, or by `completion_mask` and `assistant_masks` |
 *
 * Chats may have `tools`, `documents` and `chat_template_kwargs` beside them.
 *
 * @throws {OptionError} for an unknown option
 * @throws {DataError} for a row of another format, unknown keys, or messages that the chat template refuses
 */
export function prepareExample(row: unknown, tokenizer: DataTokenizer, options: PrepareOptions = {}): PreparedExample {
  checkOptions("prepareExample", options, { where: true, ignoreKeys: true, chatTemplate: true });
  checkArguments("prepareExample", tokenizer, options);
  const { where = "row", ignoreKeys = [], chatTemplate } = options;
  const read = withTemplate(readRow(row, where, ignoreKeys), chatTemplate);
  const { inputIds, labels, overflow, warnings } = named(where, () => prepare(read, tokenizer, where));
  const isLearnt = labels.some((label, i) => i > 0 && label !== IGNORED);
  const all =
    isLearnt || warnings.some((one) => /^(noAssistant|otherRoles)/.test(one))
      ? warnings
      : [...warnings, "nothingLearnt" as const];
  return { inputIds, labels, overflow, warnings: all };
}

function withTemplate(row: DatasetRow, template: string | undefined): DatasetRow {
  if (template === undefined || !("options" in row)) return row;
  return { ...row, options: { template, ...row.options } };
}

function prepare(row: DatasetRow, tokenizer: DataTokenizer, where: string): PreparedExample {
  switch (row.format) {
    case "text":
      return textExample(row.text, tokenizer);
    case "completion":
      return completionExample(
        tokenizer.encode(row.prompt),
        tokenizer.encode(row.prompt + withEos(row.completion, tokenizer)),
      );
    case "chat completion": {
      const { prompt, completion, options } = row;
      const messages = [...prompt, ...completion];
      const idsOf = (text: string): readonly number[] => tokenizer.encode(text, { addSpecialTokens: false });
      const whole = tokenizer.renderChat(messages, options);
      const before = tokenizer.applyChatTemplate(prompt, { ...options, addGenerationPrompt: true });
      const example = completionExample(idsOf(before), idsOf(whole.text));
      return { ...example, warnings: [...example.warnings, ...unwritten(messages, whole.unwrittenParts)] };
    }
    case "chat":
      return chatExample(row, tokenizer);
    case "tokens": {
      const { inputIds, labels } = row;
      const outside = inputIds.findIndex((id) => id >= tokenizer.vocabSize);
      if (outside !== -1)
        throw new DataError({
          where: `${where}: input_ids[${outside}]`,
          expected: `a token id below ${tokenizer.vocabSize}, the size of the tokenizer's vocabulary`,
          got: `${inputIds[outside]}`,
          fix: "They may be another tokenizer's",
        });
      return { inputIds, labels, overflow: "drop", warnings: [] };
    }
  }
}

/** Prepares a text with an end-of-text token. A text that is too long continues in another row. */
export function textExample(text: string, tokenizer: DataTokenizer): PreparedExample {
  const inputIds = tokenizer.encode(withEos(text, tokenizer));
  return { inputIds, labels: inputIds, overflow: "split", warnings: [] };
}

function completionExample(promptIds: readonly number[], inputIds: readonly number[]): PreparedExample {
  const { mask, lost } = completionMask(promptIds, inputIds);
  const warnings = lost > 0 ? ["promptDiffers" as const] : [];
  return { inputIds, labels: maskLabels(inputIds, mask), overflow: "drop", warnings };
}

function chatExample(
  { messages, options, renamed }: Extract<DatasetRow, { format: "chat" }>,
  tokenizer: DataTokenizer,
): PreparedExample {
  const { text, assistantSpans, unwrittenParts } = tokenizer.renderChat(messages, options);
  const { ids, offsets } = tokenizer.encodeWithOffsets(text, { addSpecialTokens: false });
  const warnings: PrepareWarning[] = renamed ? ["shareGptRoles"] : [];
  if (messages.every(({ role }) => role !== "assistant")) {
    const roles = oddRoles(messages);
    warnings.push(roles === undefined ? "noAssistant" : `otherRoles: ${roles}`);
  }
  warnings.push(...unwritten(messages, unwrittenParts));
  return { inputIds: ids, labels: maskLabels(ids, assistantMask(offsets, assistantSpans)), overflow: "drop", warnings };
}

function unwritten(messages: readonly ChatMessage[], parts: readonly UnwrittenPart[]): PrepareWarning[] {
  return aboutUnwritten(messages, parts).map((kind) => `unwritten: ${kind}` as const);
}

/** Appends the text of the token unless it is there, as in trl, so that the tokenizer sees one text. */
function withEos(text: string, { eosToken }: DataTokenizer): string {
  return eosToken === null || text.endsWith(eosToken) ? text : text + eosToken;
}

/** Runs `f`; adds the row to errors of the tokenizer and its chat template. */
function named<T>(where: string, f: () => T): T {
  try {
    return f();
  } catch (cause) {
    if (!(cause instanceof MixtapeError) || cause instanceof DataError) throw cause;
    const { expected, got, fix } = cause.details;
    const own = fix && { fix: renameOptions(fix, { template: "chatTemplate" }) };
    throw new DataError({ where: `${where}: ${cause.where}`, expected, got, ...own, cause });
  }
}
