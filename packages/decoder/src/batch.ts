import { Tensor, type Tensor2D } from "@tensorflow/tfjs-core";
import { DecoderError } from "./errors.js";

/** Integers in rows of one length: token ids, a mask, positions, labels. `[B, L]` */
export type BatchInput = readonly (readonly number[])[] | Tensor2D;

/** A batch as a flat array: `values[row * length + column]`. */
export interface Batch {
  readonly rows: number;
  readonly length: number;
  readonly values: Int32Array;
}

/**
 * Reads a batch. A tensor is read back from the engine; arrays cost nothing.
 * @throws {DecoderError} naming `what` if it is not a list of rows, rows differ in length, there are none, or a value
 *   is not a 32-bit integer.
 */
export function readBatch(input: BatchInput, what: string): Batch {
  if (input instanceof Tensor) {
    if (input.rank !== 2) throw new DecoderError({ where: what, expected: "a tensor [B, L]", got: `[${input.shape}]` });
    return toBatch(input.shape[0], input.shape[1], input.dataSync(), what);
  }
  checkRows(input, what);
  const length = input[0]?.length ?? 0;
  const ragged = input.find((row) => row.length !== length);
  if (ragged)
    throw new DecoderError({
      where: what,
      expected: `rows of one length, ${length} as the first`,
      got: `a row of ${ragged.length}`,
      fix: "Pad the shorter rows and mask the padding",
    });
  return toBatch(
    input.length,
    length,
    input.flatMap((row) => [...row]),
    what,
  );
}

/** Checks the nesting, since JavaScript accepts anything: ids without rows, a text. */
function checkRows(input: unknown, what: string): void {
  const isRow = (row: unknown): boolean => Array.isArray(row) || ArrayBuffer.isView(row);
  if (Array.isArray(input) && input.every(isRow)) return;
  const odd: unknown = Array.isArray(input) ? input.find((row) => !isRow(row)) : input;
  const kind = odd === null || odd === undefined ? `${odd}` : `${typeof odd === "object" ? "an" : "a"} ${typeof odd}`;
  throw new DecoderError({
    where: what,
    expected: "a list of rows, each a list of whole numbers, or a tensor [B, L]",
    got: Array.isArray(input) ? `a list with ${kind} in it` : ArrayBuffer.isView(input) ? "a typed array" : kind,
    fix: "A single row goes into a list too: [[1, 2, 3]]",
  });
}

function toBatch(rows: number, length: number, numbers: ArrayLike<number>, what: string): Batch {
  if (rows === 0 || length === 0)
    throw new DecoderError({ where: what, expected: "at least one token", got: `${rows} × ${length}` });
  const values = new Int32Array(numbers.length);
  for (let i = 0; i < values.length; i++) {
    // A bigint, which JavaScript accepts, cannot even be converted.
    const number: unknown = numbers[i];
    if (typeof number === "number") values[i] = number;
    if (values[i] !== number) throw new DecoderError({ where: what, expected: "32-bit integers", got: String(number) });
  }
  return { rows, length, values };
}
