import type { RowContext } from "../rows/row-context.js";

/** One row after a new token, as a stopping criterion sees it. */
export interface StoppingContext extends RowContext {
  /**
   * Text of the new tokens so far, without special tokens and without an incomplete character. Undefined in `generateTokens`, which
   * has no tokenizer.
   */
  readonly text: string | undefined;
}

/**
 * Decides whether a row ends, after each of its new tokens: as transformers' `StoppingCriteria`, but for one row.
 *
 * ```ts
 * const sentence: StoppingCriterion = { name: "sentence", stop: ({ text }) => text?.endsWith(".") ?? false };
 * ```
 */
export interface StoppingCriterion {
  /** Name in errors, and the `stopReason` of the row that it ends. */
  readonly name: string;
  /** Returns true to end the row with its newest token, the last of `ids`. */
  stop(row: StoppingContext): boolean;
}
