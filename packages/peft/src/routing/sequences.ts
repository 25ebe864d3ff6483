import type { Masks, MixerContext, TokenMask } from "@mixtape/layers";

/** The texts that the tokens of a batch belong to, for what counts within each text: N tokens, row by row. */
export interface Sequences {
  /** `[N]`: the first token of each token's text. */
  readonly starts: Int32Array;
  /** `[N]`: 1 for a token and 0 for padding; null where nothing is padding. */
  readonly isToken: Float32Array | null;
}

/** What is known of a batch beside its values: see {@link Masks}. */
export type BatchLayout = Pick<Masks, "queries" | "documentIds"> & { readonly tokenMask: TokenMask | null };

/** Returns what a layer knows of its batch. */
export function batchLayoutOf({ masks: { queries, documentIds }, tokenMask = null }: MixerContext): BatchLayout {
  return { queries, documentIds, tokenMask };
}

/** The texts of the tokens from `start` to `end` of a batch, which begin and end with a row of it. */
export function sequencesOf({ queries, tokenMask, documentIds }: BatchLayout, start: number, end: number): Sequences {
  const starts = new Int32Array(end - start);
  let first = 0;
  for (let token = start; token < end; token++) {
    const isNew = token % queries === 0 || (documentIds && documentIds.values[token] !== documentIds.values[token - 1]);
    if (isNew) first = token - start;
    starts[token - start] = first;
  }
  return { starts, isToken: tokenMask && Float32Array.from(tokenMask.values.subarray(start, end)) };
}
