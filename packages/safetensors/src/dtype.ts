/** Element types of a file, as the file spells them. */
export type Dtype =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "F8_E4M3"
  | "F8_E5M2"
  | "I64"
  | "I32"
  | "I16"
  | "I8"
  | "U8"
  | "BOOL";

/**
 * Bytes per element, in the order in which the official library lays out tensors: widest first, so that each tensor is
 * aligned to its element size.
 * Reference: https://github.com/huggingface/safetensors/blob/main/safetensors/src/tensor.rs, `enum Dtype`, reversed.
 */
const BYTES: Readonly<Record<Dtype, number>> = {
  I64: 8,
  F64: 8,
  F32: 4,
  I32: 4,
  BF16: 2,
  F16: 2,
  I16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** Every dtype, in the order in which a written file lays them out. */
export const DTYPES = Object.keys(BYTES) as readonly Dtype[];

/** Whether `value` names a dtype. */
export function isDtype(value: unknown): value is Dtype {
  return typeof value === "string" && Object.hasOwn(BYTES, value);
}

/** Returns the size of one element of `dtype`, in bytes. */
export function bytesPerElement(dtype: Dtype): number {
  return BYTES[dtype];
}
