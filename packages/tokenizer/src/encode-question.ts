import type { EncodeOptions, EncodingWithOffsets } from "./tokenizer.js";

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
 * @throws {TokenizerError} where one of them cannot be encoded
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
  const first = tokenizer.encode(`${question.trim()}\n`);
  const { ids, offsets } = tokenizer.encodeWithOffsets(context, { addSpecialTokens: false });
  return { ids: [...first, ...ids], contextStart: first.length, offsets };
}
