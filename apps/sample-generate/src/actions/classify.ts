/** Action of `sample-generate classify`. */

import {
  InputError,
  Interrupt,
  outputTaken,
  readInputText,
  readStandardInput,
  UsageError,
} from "@mixtape/command-line";
import { checkModel, type LoadFlags, load, loadTokenizerOf } from "@mixtape/command-line/load";
import {
  type AnyModel,
  answerQuestion,
  classifyTexts,
  classifyTokens,
  ForQuestionAnswering,
  ForSequenceClassification,
  ForTokenClassification,
  type LabelScore,
  type Tokenizer,
  taskOf,
} from "@mixtape/mixtape";

/** Flags of `sample-generate classify`. */
export interface ClassifyFlags extends LoadFlags {
  readonly text?: readonly string[];
  readonly file?: string;
  readonly promptIds?: readonly number[];
  readonly question?: string;
  readonly top?: number;
  readonly json?: boolean;
}

/** A text, or token ids. */
type Text = string | readonly number[];

/** Result for a text, and the lines that show it. */
interface Found {
  readonly result: object;
  readonly lines: readonly string[];
}

/** Classifies texts, or their tokens, or finds answers in them. */
export async function classify(flags: ClassifyFlags): Promise<void> {
  using interrupt = new Interrupt();
  checkModel(flags.model);
  const tokenizer = await loadTokenizerOf(flags.model, { optional: flags.promptIds !== undefined });
  const texts = await textsOf(flags, interrupt);
  const { engine, model } = await load(flags, interrupt, "auto");
  const found = await run(model, tokenizer, texts, flags, interrupt.signal);
  if (flags.json) {
    const { problemType } = model.config;
    const results = found.map(({ result }, i) => ({ ...textOf(texts[i]!), ...result }));
    const all = { model: flags.model, engine: engine.name, task: taskOf(model), problemType, results };
    process.stdout.write(`${JSON.stringify(all)}\n`);
  } else process.stdout.write(found.map(({ lines }) => `${lines.join("\n")}\n`).join(""));
  await outputTaken();
}

async function run(
  model: AnyModel,
  tokenizer: Tokenizer | null,
  texts: readonly Text[],
  { question, top = 1, model: folder }: ClassifyFlags,
  signal: AbortSignal,
): Promise<Found[]> {
  if (question !== undefined && !(model instanceof ForQuestionAnswering))
    throw new UsageError(
      `--question is for models that answer questions, and the class of this one is ${model.architecture}`,
    );
  if (model instanceof ForSequenceClassification) {
    const all = await classifyTexts(model, tokenizer, texts, { signal });
    return all.map((labels, i) => ({
      result: { ...labels[0]!, labels },
      lines: [`${labels.slice(0, top).map(shown).join("  ")}  ${shortened(texts[i]!)}`],
    }));
  }
  if (model instanceof ForTokenClassification) {
    const found: Found[] = [];
    for (const text of written(texts, "token classification")) {
      const tokens = await classifyTokens(model, tokenizer!, text, { signal });
      const named = tokens.map((token) => ({ ...token, text: text.slice(token.start, token.end) }));
      const lines = named.map((token) => `${shown(token)}  ${JSON.stringify(token.text)}`);
      found.push({ result: { tokens: named }, lines });
    }
    return found;
  }
  if (model instanceof ForQuestionAnswering) {
    if (question === undefined) throw new UsageError("expected --question TEXT, as the model answers questions");
    const found: Found[] = [];
    for (const text of written(texts, "question answering")) {
      const answers = await answerQuestion(model, tokenizer!, question, text, { topK: top });
      const lines = answers.map(({ answer, score }) => `${score.toFixed(4)}  ${JSON.stringify(answer)}`);
      found.push({ result: { question, ...answers[0], answers }, lines });
    }
    return found;
  }
  throw new InputError({
    where: folder,
    expected: "a model with a head of classification or question answering",
    got: model.architecture,
    fix: "Train one with sample-train --task, and pass its folder or its adapter",
  });
}

async function textsOf({ text, file, promptIds }: ClassifyFlags, interrupt: Interrupt): Promise<readonly Text[]> {
  if (promptIds) return [promptIds];
  if (text) return text;
  const expected = "a text in each line";
  const content = file === "-" ? await readStandardInput({ expected }, interrupt) : readInputText(file!, { expected });
  const lines = content.split(/\r?\n/).filter((line) => line.trim() !== "");
  if (lines.length === 0)
    throw new InputError({ where: file === "-" ? "standard input" : file!, expected, got: "none" });
  return lines;
}

/** @throws {UsageError} for token ids, whose positions in a text are unknown */
function written(texts: readonly Text[], what: string): string[] {
  return texts.map((text) => {
    if (typeof text === "string") return text;
    throw new UsageError(`--prompt-ids has no text, which ${what} says the parts of: give --text or --file`);
  });
}

function textOf(text: Text): { text: string } | { ids: readonly number[] } {
  return typeof text === "string" ? { text } : { ids: text };
}

function shown({ label, score }: LabelScore): string {
  return `${score.toFixed(4)} ${label}`;
}

const SHOWN = 60;

function shortened(text: Text): string {
  if (typeof text !== "string") return text.join(",");
  const line = text.replace(/\s+/g, " ");
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
}
