import { GGML_FORMATS, type GgmlFormat } from "@mixtape/quantization";
import { bytesPerElement, type Dtype } from "@mixtape/safetensors";
import { GgufFormatError, GgufUnsupportedError } from "../errors.js";

/** Type of a tensor: a dtype, blocks of quantised values, or one of which only the name is known. */
export type TensorType =
  | { readonly kind: "plain"; readonly name: string; readonly dtype: Dtype }
  | { readonly kind: "blocks"; readonly name: string; readonly format: GgmlFormat }
  | { readonly kind: "unsupported"; readonly name: string };

const DTYPES: ReadonlyMap<number, Dtype> = new Map<number, Dtype>([
  [0, "F32"],
  [1, "F16"],
  [24, "I8"],
  [25, "I16"],
  [26, "I32"],
  [27, "I64"],
  [28, "F64"],
  [30, "BF16"],
]);

/** Other types of ggml, for errors. */
const UNSUPPORTED: ReadonlyMap<number, string> = new Map([
  [9, "Q8_1"],
  [15, "Q8_K"],
  [16, "IQ2_XXS"],
  [17, "IQ2_XS"],
  [18, "IQ3_XXS"],
  [19, "IQ1_S"],
  [21, "IQ3_S"],
  [22, "IQ2_S"],
  [29, "IQ1_M"],
  [34, "TQ1_0"],
  [35, "TQ2_0"],
  [40, "NVFP4"],
  [41, "Q1_0"],
]);

/** The highest number that a type of ggml or of a fork may have. */
const MAX_ID = 1000;

/** @throws {GgufFormatError} for a number that no type has */
export function tensorType(id: number, where: string): TensorType {
  const dtype = DTYPES.get(id);
  if (dtype) return { kind: "plain", name: dtype, dtype };
  const format = GGML_FORMATS.find((one) => one.id === id);
  if (format) return { kind: "blocks", name: format.name, format };
  if (id <= MAX_ID) return { kind: "unsupported", name: UNSUPPORTED.get(id) ?? `number ${id}` };
  throw new GgufFormatError({
    where,
    expected: `a type of ${SUPPORTED}`,
    got: `number ${id}`,
    fix: "This is not a GGUF file, or it is damaged",
  });
}

const SUPPORTED = ["F32, F16, BF16", ...GGML_FORMATS.map(({ name }) => name)].join(", ");

/** Returns the error for a tensor of a type that is not supported. */
export function unsupportedType(type: TensorType, where: string): GgufUnsupportedError {
  return new GgufUnsupportedError({
    where,
    expected: `a type of ${SUPPORTED}`,
    got: type.name,
    fix: "Use a file of the same model that is quantised to one of those, such as Q4_K_M or IQ4_XS",
  });
}

/** Returns the bytes of a row of `columns` values; undefined if it is not a whole number of blocks. */
export function bytesOfRow(type: Exclude<TensorType, { kind: "unsupported" }>, columns: number): number | undefined {
  if (type.kind === "plain") return columns * bytesPerElement(type.dtype);
  const blocks = columns / type.format.blockSize;
  return Number.isInteger(blocks) ? blocks * type.format.blockBytes : undefined;
}
