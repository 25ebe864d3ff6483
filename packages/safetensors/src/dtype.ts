/** Element types of a file, as the file spells them: those of the official library. */
export type Dtype =
  | "U64"
  | "I64"
  | "F64"
  | "C64"
  | "F32"
  | "U32"
  | "I32"
  | "BF16"
  | "F16"
  | "U16"
  | "I16"
  | "F8_E5M2FNUZ"
  | "F8_E4M3FNUZ"
  | "F8_E8M0"
  | "F8_E4M3"
  | "F8_E5M2"
  | "I8"
  | "U8"
  | "F6_E3M2"
  | "F6_E2M3"
  | "F4"
  | "BOOL";

/**
 * Bits per element, in the order in which the official library lays out tensors: widest first, so that each tensor is
 * aligned to its element size.
 * Reference: https://github.com/huggingface/safetensors/blob/main/safetensors/src/tensor.rs, `enum Dtype`, reversed.
 */
const BITS: Readonly<Record<Dtype, number>> = {
  U64: 64,
  I64: 64,
  F64: 64,
  C64: 64,
  F32: 32,
  U32: 32,
  I32: 32,
  BF16: 16,
  F16: 16,
  U16: 16,
  I16: 16,
  F8_E5M2FNUZ: 8,
  F8_E4M3FNUZ: 8,
  F8_E8M0: 8,
  F8_E4M3: 8,
  F8_E5M2: 8,
  I8: 8,
  U8: 8,
  F6_E3M2: 6,
  F6_E2M3: 6,
  F4: 4,
  BOOL: 8,
};

/** Every dtype, in the order in which a written file lays them out. */
export const DTYPES = Object.keys(BITS) as readonly Dtype[];

/** Whether `value` names a dtype. */
export function isDtype(value: unknown): value is Dtype {
  return typeof value === "string" && Object.hasOwn(BITS, value);
}

/** Returns the size of one element of `dtype`, in bytes: a fraction for F4 and F6, which are packed. */
export function bytesPerElement(dtype: Dtype): number {
  return BITS[dtype] / 8;
}
