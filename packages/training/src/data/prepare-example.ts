/** A row of a dataset as token ids and labels, as trl prepares it. */

import { checkOptions, MixtapeError } from "@mixtape/errors";
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
  /** The row, for errors. Default: `row`. */
  readonly where?: string;
  /** Keys of the row that are passed over. Any other key that is not known is an error. */
  readonly ignoreKeys?: readonly string[];
  /** The chat template, its text or its name; a row's own takes precedence. Default: the tokenizer's. */
  readonly chatTemplate?: string;
}

/** A text to learn, and what its preparation has to say. */
export interface PreparedExample extends Required<Example> {
  readonly warnings: readonly PrepareWarning[];
}

/** Something to know about a text that is learnt: its kind, and for some kinds what it is about. */
export type PrepareWarning = keyof typeof WARNINGS | `${keyof typeof WARNINGS}: ${string}`;

/** What each kind of warning says, behind the number of texts, and before what it is about. */
const WARNINGS = {
  promptDiffers:
    "the tokens of the prompt alone are not the first tokens of prompt and completion (tokens merge at the border, or the chat template renders the prompt alone otherwise): the completion is learnt from where they differ. Prompts that end with a whole token, without a space, avoid that",
  noAssistant: "no message is the assistant's, so that nothing of it is learnt",
  otherRoles: 'nothing of it is learnt, since no message has the role "assistant". Other roles in it:',
  nothingLearnt: "nothing of it is learnt: it has no label behind its first token",
  shareGptRoles: "the roles human and gpt are read as user and assistant",
  unwritten: "the chat template writes nothing of",
} as const;

/** A warning, in words. */
export function sentenceOf(warning: PrepareWarning): string {
  const [kind] = warning.split(":", 1) as [keyof typeof WARNINGS];
  return WARNINGS[kind] + warning.slice(kind.length + 1);
}

/** Warnings that say why nothing of a chat is learnt. */
export function saysWhyNothing(warning: PrepareWarning): boolean {
  return /^(noAssistant|otherRoles|unwritten)/.test(warning);
}

/**
 * Makes a row of a dataset a text to learn.
 *
 * | row | what is learnt |
 * |---|---|
 * | `{ text }` | all of it, and the token that ends a text |
 * | `{ prompt, completion }` | the completion, and the token that ends a text. Prompt and completion are one text to the tokenizer |
 * | `{ prompt, completion }` of messages | what the chat template writes behind the prompt |
 * | `{ messages }` or `{ conversations }` | what the assistant says: the chat is rendered once, and its spans are the assistant's |
 * | `{ input_ids }` | where `labels`, or `completion_mask` and `assistant_masks`, say so |
 *
 * Chats may have `tools`, `documents` and `chat_template_kwargs` beside them.
 *
 * @throws {OptionError} for an option that it does not know
 * @throws {DataError} for a row that has another format, keys that are not known, or messages that the chat template refuses
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
          expected: `a token id below ${tokenizer.vocabSize}, as many as the tokenizer has`,
          got: `${inputIds[outside]}`,
          fix: "They may be another tokenizer's",
        });
      return { inputIds, labels, overflow: "drop", warnings: [] };
    }
  }
}

/** A text and the token that ends one. What is too long goes on in another row. */
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

/** As in trl: the text of the token, unless it is there, so that the tokenizer sees one text. */
function withEos(text: string, { eosToken }: DataTokenizer): string {
  return eosToken === null || text.endsWith(eosToken) ? text : text + eosToken;
}

/** Runs `f`; errors of the tokenizer and its chat template say of which row they are. */
function named<T>(where: string, f: () => T): T {
  try {
    return f();
  } catch (cause) {
    if (!(cause instanceof MixtapeError) || cause instanceof DataError) throw cause;
    const { expected, got } = cause;
    // What the tokenizer calls options.template is another option here.
    const fix = cause.fix?.replace("options.template", "chatTemplate");
    throw new DataError({ where: `${where}: ${cause.where}`, expected, got, ...(fix && { fix }), cause });
  }
}
