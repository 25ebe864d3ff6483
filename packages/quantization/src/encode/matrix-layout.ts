import type { BlockFormat } from "@mixtape/safetensors";
import { QuantizationError } from "../errors.js";
import { packedIntegers } from "../formats/packed-integers.js";
import { tiled } from "../formats/tiled.js";
import type { WeightScheme } from "./weight-scheme.js";

/** Layout of a quantised matrix, known before its values. */
export interface MatrixLayout {
  readonly type: "int" | "float";
  readonly bits: 4 | 8;
  readonly groupSize: number;
  readonly format: BlockFormat;
  /** Dtype of the plane `weight`. */
  readonly dtype: "I32" | "F8_E4M3";
  /** Shape of the plane `weight`. */
  readonly weight: readonly [rows: number, words: number];
  /** Shape of the plane `scale`, of dtype BF16. */
  readonly scale: readonly [rows: number, groups: number];
}

/**
 * Returns the layout of a matrix `[rows, columns]` that is quantised.
 * @param name of the matrix, for errors
 * @throws {QuantizationError} if the group size does not divide the columns
 */
export function layoutOf(
  name: string,
  [rows, columns]: readonly [number, number],
  { type, bits, groupSize: size }: WeightScheme,
): MatrixLayout {
  const groupSize = size === "channel" ? columns : size;
  if (columns === 0 || columns % groupSize !== 0)
    throw new QuantizationError({
      where: name,
      expected: `a group size that divides its ${columns} columns`,
      got: `${groupSize}`,
      fix: `Use a group size of ${divisorsNear(columns, groupSize)}`,
    });
  const scale = [rows, columns / groupSize] as const;
  if (type === "float") {
    const format = tiled({ name: "fp8", tile: [1, columns] });
    return { type, bits, groupSize, format, dtype: "F8_E4M3", weight: [rows, columns], scale };
  }
  return {
    type,
    bits,
    groupSize,
    dtype: "I32",
    format: packedIntegers({ bits, groupSize, hasZeroPoints: false }),
    weight: [rows, Math.ceil((columns * bits) / 32)],
    scale,
  };
}

function divisorsNear(columns: number, groupSize: number): string {
  const sizes = [128, 64, 32, 16, 8].filter((size) => size !== groupSize && columns % size === 0);
  return [...sizes, '"channel" (one scale per row)'].join(" or ");
}

/** Planes of a quantised matrix, as compressed-tensors has them: `weight_packed` and `weight_scale`. */
export interface EncodedMatrix {
  readonly weight: Uint8Array;
  readonly scale: Uint8Array;
}
