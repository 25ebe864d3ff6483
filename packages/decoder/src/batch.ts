import { Tensor, type Tensor2D } from "@tensorflow/tfjs-core";
import { DecoderError } from "./errors.js";

/** Whole numbers in rows of one length: token ids, a mask, positions, labels. `[B, L]` */
export type BatchInput = readonly (readonly number[])[] | Tensor2D;

/** The same, flat: `values[row * length + column]`. */
export interface Batch {
  readonly rows: number;
  readonly length: number;
  readonly values: Int32Array;
}

/**
 * Reads a batch. A tensor is read back from the engine; arrays cost nothing.
 * @throws {DecoderError} naming `what` where rows differ in length, there is none, or a value is no whole number.
 */
export function readBatch(input: BatchInput, what: string): Batch {
  if (input instanceof Tensor) {
    if (input.rank !== 2) throw new DecoderError({ where: what, expected: "a tensor [B, L]", got: `[${input.shape}]` });
    return check({ rows: input.shape[0], length: input.shape[1], values: Int32Array.from(input.dataSync()) }, what);
  }
  const length = input[0]?.length ?? 0;
  const ragged = input.find((row) => row.length !== length);
  if (ragged)
    throw new DecoderError({
      where: what,
      expected: `rows of one length, ${length} as the first`,
      got: `one of ${ragged.length}`,
      fix: "Pad the shorter rows and mask the padding",
    });
  const flat = input.flat();
  const odd = flat.find((value) => !Number.isInteger(value));
  if (odd !== undefined) throw new DecoderError({ where: what, expected: "whole numbers", got: `${odd}` });
  return check({ rows: input.length, length, values: Int32Array.from(flat) }, what);
}

function check(batch: Batch, what: string): Batch {
  if (batch.rows === 0 || batch.length === 0)
    throw new DecoderError({ where: what, expected: "at least one token", got: `${batch.rows} × ${batch.length}` });
  return batch;
}
