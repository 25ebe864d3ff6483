import type { Budget } from "../text/budget.js";

/** Converts the tokens of a text to texts that are then joined. */
export interface Decoder {
  decode(tokens: readonly string[], budget: Budget): string[];
  /**
   * Whether later tokens leave the text of earlier ones unchanged, except for an incomplete character or run of bytes.
   */
  readonly local: boolean;
  /** Whether it fuses the texts of several tokens into one. */
  readonly fuses?: boolean;
  /** Whether runs of byte tokens are decoded as a whole. */
  readonly joinsBytes?: boolean;
}

/** Returns the length of the joined texts. */
export function unitsOf(texts: readonly string[]): number {
  return texts.reduce((sum, { length }) => sum + length, 0);
}
