import type { Budget } from "../text/budget.js";

/** Turns the tokens of a text into texts that are joined then. */
export interface Decoder {
  decode(tokens: readonly string[], budget: Budget): string[];
  /** Whether the text of some tokens stays as it is when more follow, but for a character or a run of bytes that is not complete. */
  readonly local: boolean;
  /** Whether it is one of those behind which texts of several tokens are one. */
  readonly fuses?: boolean;
  /** Whether runs of byte tokens are decoded as a whole. */
  readonly joinsBytes?: boolean;
}

/** The length of texts that are joined. */
export function unitsOf(texts: readonly string[]): number {
  return texts.reduce((sum, { length }) => sum + length, 0);
}
