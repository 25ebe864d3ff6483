import {
  div,
  maximum,
  mul,
  sqrt,
  square,
  sum,
  type Tensor2D,
  type Tensor3D,
  tensor3d,
  tidy,
} from "@tensorflow/tfjs-core";
import { type BatchInput, readBatch } from "./batch.js";
import { DecoderError } from "./errors.js";

/** Options of pooling hidden states to one vector for each text. */
export interface PoolingOptions {
  /** The mean over the tokens of a row, or its last token; padding is excluded. Default: `mean`. */
  readonly pooling?: "mean" | "last-token";
  /** Divides vectors by their L2 norm. Default false. */
  readonly normalize?: boolean;
}

/** Lower bound of the norm in the division, as in torch's `normalize`. */
const EPSILON = 1e-12;

/**
 * Pools hidden states to one vector for each row.
 * @param hidden `[B, L, M]`
 * @param attentionMask `[B, L]`, 1 for a token and 0 for padding. Default: all are tokens.
 * @returns `[B, M]`
 * @throws {DecoderError} for a mask of another size, a row of padding only, and an unknown pooling
 */
export function pool(
  hidden: Tensor3D,
  attentionMask: BatchInput | undefined,
  { pooling = "mean", normalize = false }: PoolingOptions = {},
): Tensor2D {
  const [b, l] = hidden.shape;
  if (pooling !== "mean" && pooling !== "last-token")
    throw new DecoderError({ where: "pooling", expected: '"mean" or "last-token"', got: JSON.stringify(pooling) });
  const shares = new Float32Array(b * l);
  for (const [row, tokens] of tokensOf(attentionMask, b, l).entries()) {
    const kept = pooling === "mean" ? tokens : tokens.slice(-1);
    for (const at of kept) shares[row * l + at] = 1 / kept.length;
  }
  return tidy(() => {
    const vectors = sum(mul(hidden, tensor3d(shares, [b, l, 1])), 1) as Tensor2D;
    if (!normalize) return vectors;
    return div(vectors, maximum(sqrt(sum(square(vectors), 1, true)), EPSILON)) as Tensor2D;
  });
}

/** Returns the positions of the tokens of each row. */
function tokensOf(attentionMask: BatchInput | undefined, rows: number, length: number): number[][] {
  const mask = attentionMask && readBatch(attentionMask, "attentionMask");
  if (mask && (mask.rows !== rows || mask.length !== length))
    throw new DecoderError({
      where: "attentionMask",
      expected: `${rows} × ${length}, for the pooled tokens`,
      got: `${mask.rows} × ${mask.length}`,
    });
  return Array.from({ length: rows }, (_, row) => {
    const tokens = Array.from({ length }, (_, i) => i).filter((i) => mask?.values[row * length + i] !== 0);
    if (tokens.length > 0) return tokens;
    throw new DecoderError({ where: `attentionMask[${row}]`, expected: "at least one token", got: "only padding" });
  });
}
