import type { ForQuestionAnswering } from "@mixtape/decoder";
import { checkOptions, OptionError } from "@mixtape/errors";
import { encodeQuestion, type Tokenizer } from "@mixtape/tokenizer";

/** A part of a text that may answer a question. */
export interface Answer {
  readonly answer: string;
  /** Beginning and end in the text, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** Probability of its start times that of its end, among the tokens of the text. */
  readonly score: number;
}

/** Options of {@link answerQuestion}. */
export interface AnswerOptions {
  /** Number of answers, the best first. Default: 1. */
  readonly topK?: number;
  /** Maximum number of tokens of an answer. Default: 15. */
  readonly maxAnswerTokens?: number;
}

/**
 * Finds the answer to a question in a text: of all spans within the text, those whose first and last token are the likeliest.
 *
 * ```ts
 * const model = await loadModel(folder, { task: "question-answering" });
 * const [best] = await answerQuestion(model, await loadTokenizer(folder), "Who was late?", "It rained, and Ann was late.");
 * ```
 *
 * @throws {OptionError} for an option that it does not know, and for a text without tokens
 */
export async function answerQuestion(
  model: ForQuestionAnswering,
  tokenizer: Tokenizer,
  question: string,
  context: string,
  options: AnswerOptions = {},
): Promise<Answer[]> {
  checkOptions("answerQuestion", options, { topK: true, maxAnswerTokens: true });
  const { topK = 1, maxAnswerTokens = 15 } = options;
  const { ids, contextStart, offsets } = encodeQuestion(tokenizer, question, context);
  if (offsets.length === 0)
    throw new OptionError({ where: "answerQuestion: context", expected: "a text of at least one token", got: "none" });
  const { startLogits, endLogits } = model.forward({ inputIds: [[...ids]] });
  const [starts, ends] = await Promise.all(
    [startLogits, endLogits].map(async (logits) => softmax((await logits.data<"float32">()).subarray(contextStart))),
  );
  startLogits.dispose();
  endLogits.dispose();
  const answers: Answer[] = [];
  for (const [first, p] of starts!.entries())
    for (let last = first; last < Math.min(first + maxAnswerTokens, offsets.length); last++) {
      const [start, end] = [offsets[first]![0], offsets[last]![1]];
      answers.push({ answer: context.slice(start, end), start, end, score: p * ends![last]! });
    }
  return answers.sort((a, b) => b.score - a.score).slice(0, topK);
}

function softmax(values: Float32Array): number[] {
  const most = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const exps = Array.from(values, (value) => Math.exp(value - most));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((one) => one / sum);
}
