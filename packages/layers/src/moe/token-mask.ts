import { type Tensor2D, tensor2d } from "@tensorflow/tfjs-core";
import { LayersError } from "../errors.js";

/** Distinguishes tokens from padding: B rows of L positions, 1 for a token and 0 for padding. */
export class TokenMask {
  /** B */
  readonly rows: number;
  /** L */
  readonly length: number;
  /** `B · L` numbers, row by row: 1 for a token and 0 for padding */
  readonly values: Uint8Array;

  /** @throws {LayersError} if the values do not fill the rows. */
  constructor(rows: number, values: Uint8Array) {
    if (!(Number.isInteger(rows) && rows >= 1 && values.length % rows === 0))
      throw new LayersError({
        where: "TokenMask",
        expected: `the same number of positions in each of ${rows} rows`,
        got: `${values.length} positions`,
      });
    this.rows = rows;
    this.length = values.length / rows;
    this.values = values;
  }

  /** Number of tokens without padding. */
  get numTokens(): number {
    return this.values.reduce((count, value) => count + value, 0);
  }

  /** Returns the mask as float32 `[B, L]`, a new tensor that the caller disposes. */
  toTensor(): Tensor2D {
    return tensor2d(Float32Array.from(this.values), [this.rows, this.length]);
  }

  /** Returns the mask of rows `start` to below `end`. */
  slice(start: number, end: number): TokenMask {
    return new TokenMask(end - start, this.values.subarray(start * this.length, end * this.length));
  }
}
