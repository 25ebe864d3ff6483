import { encodeQuestion } from "@mixtape/tokenizer";
import type { DataTokenizer } from "../data/data-tokenizer.js";
import { kindOf } from "../data/kind-of.js";
import type { ByteSource } from "../data/read-lines.js";
import { DataError } from "../errors.js";
import type { QuestionExample } from "./head-batches.js";
import { type RawRow, textOf } from "./labelled-rows.js";
import {
  checkLabelledArguments,
  type LabelledDataset,
  Lengths,
  labelledRows,
  placesOf,
  type ReadLabelledOptions,
} from "./read-labelled.js";

const QUESTION = '{"question": …, "context": …, "answers": {"text": […], "answer_start": […]}}';

/**
 * Reads questions with contexts: rows `{ question, context, answers: { text, answer_start } }`, as in SQuAD, of which
 * the first answer is used. `answer_start` counts characters as Python does. Without an answer, the target is the first
 * token, as in transformers. An answer beyond `maxLength` is left out, with a warning.
 * @throws {OptionError} for an unknown option
 * @throws {DataError} naming an invalid row
 */
export async function readQuestionDataset(
  source: ByteSource,
  tokenizer: DataTokenizer,
  options: ReadLabelledOptions,
): Promise<LabelledDataset<QuestionExample>> {
  checkLabelledArguments("readQuestionDataset", tokenizer, options);
  const known = ["question", "context", "answers", "id", "title", "is_impossible"];
  const examples: QuestionExample[] = [];
  const lost: string[] = [];
  const lengths = new Lengths(options);
  for await (const { where, row } of labelledRows(source, options, known, QUESTION)) {
    const [question, context] = [textOf(row, "question", where), textOf(row, "context", where)];
    const { ids, contextStart, offsets } = encodeQuestion(tokenizer, question, context);
    const answer = answerOf(row, context, where);
    const inputIds = lengths.cut(ids, where);
    if (!answer) {
      examples.push({ inputIds, start: 0, end: 0 });
      continue;
    }
    const start = contextStart + offsets.findIndex(([, end]) => end > answer.start);
    const end = contextStart + offsets.findLastIndex(([first]) => first < answer.end);
    if (end >= inputIds.length) lost.push(where);
    else examples.push({ inputIds, start, end });
  }
  const { warnings } = lengths.of(examples.length > 0 ? examples : lost);
  const about = lost.length > 0 ? [`${placesOf(lost)}: the answer is beyond the length of a row, left out`] : [];
  if (examples.length === 0)
    throw new DataError({
      where: options.name,
      expected: "an answer within the length of a row",
      got: "none",
      fix: { option: "maxLength", text: (option) => `Raise ${option}` },
    });
  return { examples, id2label: null, warnings: [...warnings, ...about] };
}

/** Returns the first answer of a row, in UTF-16 units; null for none. */
function answerOf({ answers }: RawRow, context: string, where: string): { start: number; end: number } | null {
  const wrong = (expected: string, got: string, fix?: string): DataError =>
    new DataError({ where: `${where}: answers`, expected, got, ...(fix && { fix }) });
  const plain: unknown = answers instanceof Map ? Object.fromEntries(answers) : answers;
  if (plain === undefined) return null;
  const first = Array.isArray(plain)
    ? plain[0] instanceof Map
      ? Object.fromEntries(plain[0])
      : (plain[0] as RawRow | undefined)
    : firstOf(plain as RawRow);
  if (!first) return null;
  const { text, answer_start: at } = first as { text?: unknown; answer_start?: unknown };
  const start = typeof at === "bigint" ? Number(at) : at;
  if (typeof text !== "string" || typeof start !== "number" || !Number.isInteger(start) || start < 0)
    throw wrong('{"text": […], "answer_start": […]}', kindOf(plain));
  const from = [...context].slice(0, start).join("").length;
  if (!context.startsWith(text, from))
    throw wrong(
      `${JSON.stringify(text.slice(0, 40))} at character ${start} of the context`,
      JSON.stringify(context.slice(from, from + Math.min(text.length, 40))),
      "answer_start counts characters from 0",
    );
  return { start: from, end: from + text.length };
}

/** Returns the first item of lists of texts and starts, if any. */
function firstOf({ text, answer_start: start }: RawRow): RawRow | undefined {
  if (!Array.isArray(text) || !Array.isArray(start)) return { text, answer_start: start };
  return text.length === 0 ? undefined : { text: text[0] as unknown, answer_start: start[0] as unknown };
}
