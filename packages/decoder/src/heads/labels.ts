/** Labels of a head: a class for each row, or numbers for each row and class. */

import { Tensor, type Tensor1D, type Tensor2D } from "@tensorflow/tfjs-core";
import { DecoderError } from "../errors.js";

/** A number for each row, or a list of numbers for each: classes, numbers or flags. `[B]` or `[B, C]` */
export type LabelsInput = readonly number[] | readonly (readonly number[])[] | Tensor1D | Tensor2D;

/** Labels as a flat array: `values[row * width + column]`. */
export interface Labels {
  readonly rows: number;
  /** Numbers of a row; null for labels `[B]`. */
  readonly width: number | null;
  readonly values: readonly number[];
}

/**
 * Reads labels. A tensor is read back from the engine; arrays cost nothing.
 * @param what name of the labels in errors
 * @throws {DecoderError} if it is not a list of finite numbers, or of rows of one length
 */
export function readLabels(input: LabelsInput, what: string): Labels {
  if (input instanceof Tensor) {
    if (input.rank !== 1 && input.rank !== 2) throw fault(what, "a tensor [B] or [B, C]", `[${input.shape}]`);
    return checked({ rows: input.shape[0], width: input.shape[1] ?? null, values: [...input.dataSync()] }, what);
  }
  if (!isList(input)) throw fault(what, "a list with a label for each row", typeof input);
  const items: readonly unknown[] = [...(input as ArrayLike<unknown> & Iterable<unknown>)];
  if (!items.some(isList)) return checked({ rows: items.length, width: null, values: items as number[] }, what);
  const rows = items.map((item) => (isList(item) ? [...(item as Iterable<number>)] : undefined));
  const width = rows.find((row) => row !== undefined)!.length;
  const odd = rows.findIndex((row) => row?.length !== width);
  if (odd >= 0) throw fault(`${what}[${odd}]`, `a list of ${width}, like the others`, show(items[odd]));
  return checked({ rows: rows.length, width, values: rows.flatMap((row) => row!) }, what);
}

/**
 * Reads one integer for each row, such as a position.
 * @throws {DecoderError} if there is not one for each row, or one is not an integer
 */
export function readWholes(input: LabelsInput, rows: number, what: string): readonly number[] {
  const labels = readLabels(input, what);
  if (labels.rows !== rows || (labels.width ?? 1) !== 1)
    throw fault(what, `${rows} numbers, one for each row`, sizeOf(labels));
  const odd = labels.values.findIndex((value) => !Number.isInteger(value));
  if (odd >= 0) throw fault(`${what}[${odd}]`, "a whole number", `${labels.values[odd]}`);
  return labels.values;
}

/** Formats the size of labels for a message. */
export function sizeOf({ rows, width }: Labels): string {
  return width === null ? `${rows}` : `${rows} × ${width}`;
}

function checked(labels: Labels, what: string): Labels {
  const odd = labels.values.findIndex((value) => typeof value !== "number" || !Number.isFinite(value));
  if (odd >= 0) throw fault(`${what}: number ${odd}`, "a finite number", show(labels.values[odd]));
  if (labels.values.length === 0) throw fault(what, "at least one label", "none");
  return labels;
}

function isList(value: unknown): boolean {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

function show(value: unknown): string {
  return isList(value) ? `a list of ${(value as ArrayLike<unknown>).length}` : String(value);
}

function fault(where: string, expected: string, got: string): DecoderError {
  return new DecoderError({ where, expected, got });
}
