/** The tokens of a word. */
export interface WordTokens {
  readonly ids: readonly number[];
  /** The part of the word that each stands for, in bytes of UTF-8: `start, end, start, end …`. */
  readonly spans: readonly number[];
  /** The texts of the tokens, where they are not the vocabulary's. */
  readonly texts?: readonly string[];
}

/** Words to tokens: the heart of a tokenizer. */
export interface Model {
  /** Number of tokens. */
  readonly size: number;
  /** The highest id, or -1. */
  readonly maxId: number;
  /** @throws {TokenizerError} where the vocabulary lacks a token for what is unknown */
  tokenize(word: string): WordTokens;
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
}
