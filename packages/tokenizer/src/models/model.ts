/** The tokens of a word. */
export interface WordTokens {
  readonly ids: readonly number[];
  /** The part of the word of each token, in bytes of UTF-8: `start, end, start, end …`. */
  readonly spans: readonly number[];
  /** Texts of the tokens, if they are not the vocabulary's. */
  readonly texts?: readonly string[];
}

/** Splits words into tokens. */
export interface Model {
  /** Number of tokens. */
  readonly size: number;
  /** Highest id, or -1. */
  readonly maxId: number;
  /** @throws {TokenizerError} if the vocabulary has no token for unknown text */
  tokenize(word: string): WordTokens;
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
}
