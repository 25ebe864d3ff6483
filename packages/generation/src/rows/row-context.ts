/** One row of a batch, as processors, samplers and stopping criteria see it. */
export interface RowContext {
  /** Index of the prompt that the row continues. */
  readonly row: number;
  /** Token ids so far: the prompt's, then the new ones. The list grows in place; copy it to keep it. */
  readonly ids: readonly number[];
  /** Number of ids that belong to the prompt. */
  readonly promptLength: number;
}

/** Builds a part for each row, so that rows share no state. */
export interface PerRow<Part> {
  /** Name in errors. */
  readonly name: string;
  /** Builds the part of one row before its first new token. */
  forRow(row: RowContext): Part;
}
