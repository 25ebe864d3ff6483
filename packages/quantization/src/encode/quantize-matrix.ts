import { type Dtype, toFloat32 } from "@mixtape/safetensors";
import { QuantizationError } from "../errors.js";
import { quantizeWithFeedback } from "./calibrated-rows.js";
import { encodeFloats } from "./encode-floats.js";
import type { Feedback } from "./hessian.js";
import type { EncodedMatrix, MatrixLayout } from "./matrix-layout.js";
import { quantizeRow } from "./quantize-row.js";

/**
 * Quantises a matrix.
 * @param bytes its values, row-major
 * @param feedback of its inputs in calibration. Default: each value is rounded for itself
 * @throws {QuantizationError} for values that are not finite
 */
export function quantizeMatrix(
  name: string,
  bytes: Uint8Array,
  dtype: Dtype,
  { type, bits, groupSize, weight, scale }: MatrixLayout,
  feedback?: Feedback,
): EncodedMatrix {
  const [rows, words] = weight;
  const values = toFloat32(bytes, dtype);
  const columns = values.length / rows;
  for (let i = 0; i < rows; i++) refuseInfinite(name, values.subarray(i * columns, (i + 1) * columns));
  if (type === "float") return encodeFloats(values, rows);
  const codes = new Int8Array(values.length);
  const packed = new Uint8Array(rows * words * 4);
  const scales = new Uint16Array(rows * scale[1]);
  const each = <T extends Float32Array | Int8Array>(all: T, i: number): T =>
    all.subarray(i * columns, (i + 1) * columns) as T;
  if (feedback) quantizeWithFeedback(values, { bits, groupSize }, feedback, { codes, scales });
  else
    for (let i = 0; i < rows; i++)
      quantizeRow(each(values, i), { bits, groupSize }, { codes: each(codes, i), scales, firstScale: i * scale[1] });
  for (let i = 0; i < rows; i++) pack(each(codes, i), bits, packed.subarray(i * words * 4, (i + 1) * words * 4));
  return { weight: packed, scale: new Uint8Array(scales.buffer) };
}

/** Packs integers as offsets from the least one, the first in the lowest bits. */
function pack(codes: Int8Array, bits: 4 | 8, out: Uint8Array): void {
  if (bits === 8) for (let i = 0; i < codes.length; i++) out[i] = codes[i]! + 128;
  else for (let i = 0; i < codes.length; i++) out[i >> 1]! |= (codes[i]! + 8) << (4 * (i & 1));
}

function refuseInfinite(name: string, row: Float32Array): void {
  let sum = 0;
  for (let i = 0; i < row.length; i++) sum += row[i]! * 0;
  if (sum === 0) return;
  throw new QuantizationError({
    where: name,
    expected: "finite numbers",
    got: `${row.find((value) => !Number.isFinite(value))}`,
    fix: "The checkpoint is damaged, or training diverged before it was saved",
  });
}
