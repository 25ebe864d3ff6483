import type { DocumentIds } from "@mixtape/ops";
import { concat, gather, reshape, type Tensor2D, type Tensor3D, tensor1d, zeros } from "@tensorflow/tfjs-core";
import { TokenMask } from "./moe/token-mask.js";

/** Unpacked tokens: each document of a packed batch in a separate row, after padding. */
export interface UnpackedDocuments {
  /** `[documents, longest, M]` */
  readonly x: Tensor3D;
  readonly tokenMask: TokenMask;
  /** Moves the output of each token back to its position. @param y `[documents, longest, M]` @returns `[B, L, M]` */
  pack(y: Tensor3D): Tensor3D;
}

/**
 * Moves each document of a packed batch to a separate row, for mixers that cannot mask others.
 * @param x `[B, L, M]` @param documentIds document of each token @param tokenMask distinguishes tokens from padding
 */
export function unpackDocuments(
  x: Tensor3D,
  documentIds: DocumentIds,
  tokenMask?: TokenMask | null,
): UnpackedDocuments {
  const [b, l, m] = x.shape;
  const tokensOf = new Map<string, number[]>();
  for (let at = 0; at < b * l; at++) {
    const key = `${Math.floor(at / l)} ${documentIds.values[at]}`;
    const tokens = tokensOf.get(key);
    if (tokens) tokens.push(at);
    else tokensOf.set(key, [at]);
  }
  const rows = [...tokensOf.values()];
  const longest = Math.max(...rows.map(({ length }) => length));
  // Padding reads a row of zeros after the tokens.
  const sources = new Int32Array(rows.length * longest).fill(b * l);
  const places = new Int32Array(b * l);
  const isToken = new Uint8Array(sources.length);
  for (const [row, tokens] of rows.entries())
    for (const [i, at] of tokens.entries()) {
      const place = (row + 1) * longest - tokens.length + i;
      sources[place] = at;
      places[at] = place;
      isToken[place] = tokenMask?.values[at] ?? 1;
    }
  const tokens: Tensor2D = concat([reshape(x, [b * l, m]), zeros([1, m])], 0);
  return {
    x: reshape(gather(tokens, tensor1d(sources, "int32")), [rows.length, longest, m]),
    tokenMask: new TokenMask(rows.length, isToken),
    pack: (y) => reshape(gather(reshape(y, [rows.length * longest, m]), tensor1d(places, "int32")), [b, l, m]),
  };
}
