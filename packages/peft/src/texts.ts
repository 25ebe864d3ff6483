import type { AttentionMask } from "@mixtape/ops";

/** The texts that the tokens of a batch belong to, for what counts within each text: N tokens, row by row. */
export interface Texts {
  /** `[N]`: the first token of each token's text. */
  readonly starts: Int32Array;
  /** `[N]`: 1 for a token and 0 for padding; null where nothing is padding. */
  readonly isToken: Float32Array | null;
}

/** What is known of a batch beside its values: see {@link AttentionMask}. */
export type Layout = Pick<AttentionMask, "queries" | "keys" | "keyPadding" | "segments">;

/** The texts of the tokens from `start` to `end` of a batch, which begin and end with a row of it. */
export function textsOf({ queries, keys, keyPadding, segments }: Layout, start: number, end: number): Texts {
  const starts = new Int32Array(end - start);
  let first = 0;
  for (let token = start; token < end; token++) {
    const isNew = token % queries === 0 || (segments && segments.values[token] !== segments.values[token - 1]);
    if (isNew) first = token - start;
    starts[token - start] = first;
  }
  if (!keyPadding) return { starts, isToken: null };
  // The tokens of a forward pass are the last of the slots.
  const slotOf = (token: number): number => Math.floor(token / queries) * keys + (keys - queries) + (token % queries);
  return { starts, isToken: Float32Array.from(starts, (_, i) => keyPadding.values[slotOf(start + i)]!) };
}
