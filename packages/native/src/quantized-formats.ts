import type { BlockFormat, Planes } from "@mixtape/safetensors";

/** Numbers in the addon of the formats that it multiplies without decoding: block formats of ggml, by name. */
const GGML_DTYPES: Readonly<Record<string, number>> = {
  Q4_0: 3,
  Q4_1: 4,
  Q5_0: 5,
  Q5_1: 6,
  Q8_0: 7,
  Q2_K: 8,
  Q3_K: 9,
  Q4_K: 10,
  Q5_K: 11,
  Q6_K: 12,
  IQ4_NL: 13,
  IQ4_XS: 14,
  MXFP4: 15,
};

/** Integers of 4 and 8 bits, with scales in a plane of their own. */
const PACKED_DTYPES: Readonly<Record<number, number>> = { 4: 16, 8: 17 };

/** Scales in a plane of their own, in the addon's terms. */
export interface ScalePlane {
  /** The plane's name. */
  readonly plane: string;
  /** Values along a row that share a scale. */
  readonly group: number;
}

/** A quantised format in the addon's terms. */
export interface QuantizedFormat {
  readonly dtype: number;
  /** Undefined for formats whose blocks contain their scales. */
  readonly scales: ScalePlane | undefined;
}

/**
 * Returns how the addon multiplies a quantised format; undefined if it does not.
 * @param columns length of a row
 * @param planes of one matrix, for the dtype of their scales
 */
export function quantizedFormat(format: BlockFormat, columns: number, planes: Planes): QuantizedFormat | undefined {
  const block = GGML_DTYPES[format.name];
  if (block !== undefined) return { dtype: block, scales: undefined };
  if (format.name !== "packed-integers") return undefined;
  const { bits, groupSize } = format.parameters ?? {};
  const dtype = PACKED_DTYPES[bits as number];
  const group = groupSize as number;
  const isHalf = planes.scale?.dtype === "BF16" || planes.scale?.dtype === "F16";
  // Without zero points, reordered columns, and one scale for the whole matrix.
  if (dtype === undefined || !format.hasRows || !isHalf) return undefined;
  return group % 32 === 0 && columns % group === 0 ? { dtype, scales: { plane: "scale", group } } : undefined;
}
