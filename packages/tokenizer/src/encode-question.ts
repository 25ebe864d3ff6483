import type { EncodeOptions, EncodingWithOffsets } from "./tokenizer.js";
import { TokenizerError } from "./tokenizer-error.js";

/** A question and a text as token ids. */
export interface EncodedQuestion {
  readonly ids: readonly number[];
  /** Position of the first token of the text. */
  readonly contextStart: number;
  /** The part of the text `[start, end)` of each of its tokens, in UTF-16 units. */
  readonly offsets: readonly (readonly [start: number, end: number])[];
}

/**
 * Encodes a question and the text that holds its answer as one sequence: the question, a newline, and the text. A model that sees a
 * token and those before it has read the question when it comes to the text. Special tokens are those of the question alone.
 * @throws {TokenizerError} if one of them cannot be encoded, or is not a text
 */
export function encodeQuestion(
  tokenizer: {
    encode(text: string, options?: EncodeOptions): readonly number[];
    encodeWithOffsets(
      text: string,
      options?: EncodeOptions,
    ): { readonly [K in keyof EncodingWithOffsets]: Readonly<EncodingWithOffsets[K]> };
  },
  question: string,
  context: string,
): EncodedQuestion {
  check("tokenizer", "a Tokenizer", typeof tokenizer?.encodeWithOffsets === "function", tokenizer);
  check("question", "a text", typeof question === "string", question);
  check("context", "a text", typeof context === "string", context);
  const first = tokenizer.encode(`${question.trim()}\n`);
  const { ids, offsets } = tokenizer.encodeWithOffsets(context, { addSpecialTokens: false });
  return { ids: [...first, ...ids], contextStart: first.length, offsets };
}

function check(argument: string, expected: string, holds: boolean, value: unknown): void {
  if (holds) return;
  const got = value === null || value === undefined ? String(value) : `a value of type ${typeof value}`;
  throw new TokenizerError({ where: `encodeQuestion: ${argument}`, expected, got });
}
