import type { Masks, MixerContext, TokenMask } from "@mixtape/layers";

/** Sequences of the N tokens of a batch, row by row, for capacities that count within each sequence. */
export interface Sequences {
  /** `[N]`: first token of each token's sequence. */
  readonly starts: Int32Array;
  /** `[N]`: 1 for a token and 0 for padding; null if nothing is padding. */
  readonly isToken: Float32Array | null;
}

/** Layout of a batch: see {@link Masks}. */
export type BatchLayout = Pick<Masks, "queries" | "documentIds"> & { readonly tokenMask: TokenMask | null };

/** Returns the layout of a layer's batch. */
export function batchLayoutOf({ masks: { queries, documentIds }, tokenMask = null }: MixerContext): BatchLayout {
  return { queries, documentIds, tokenMask };
}

/** Returns the sequences of the tokens from `start` to `end`, which are bounds of rows. */
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
