import { type BlockFormat, type PlaneBytes, toFloat32 } from "@mixtape/safetensors";

/** Parameters of {@link codebook}. */
export interface CodebookOptions {
  /** `nf4` or `fp4`. */
  readonly name: string;
  /** Values that share a scale, row-major through the matrix. */
  readonly blockSize: number;
  /** Double quantisation: scales are codes too, in blocks of `blockSize`, of which `offset` was subtracted. */
  readonly nested?: { readonly blockSize: number; readonly offset: number };
}

/**
 * Codes of 4 bits that index a table of 16 values, as bitsandbytes: `W[k] = codebook[code[k]] · absmax[k div blockSize]`, row-major,
 * the first of two codes in the high bits. Planes: `weight` (U8), `codebook` (F32, `[16]`), `absmax` (F32, or U8 codes of `nestedCodebook`,
 * F32 `[256]`, which `nestedAbsmax`, F32, multiplies).
 * Reference: bitsandbytes, `functional.py`, `dequantize_4bit`; Dettmers et al. 2023, https://arxiv.org/abs/2305.14314.
 */
export function codebook({ name, blockSize, nested }: CodebookOptions): BlockFormat {
  return {
    name,
    parameters: {
      blockSize,
      ...(nested && { nestedBlockSize: nested.blockSize, nestedOffset: nested.offset }),
    },
    decode(planes, [rows, columns]) {
      const bytes = planes.weight!.bytes;
      const table = toFloat32(planes.codebook!.bytes, planes.codebook!.dtype);
      const absmax = nested ? nestedScales(planes, nested) : toFloat32(planes.absmax!.bytes, planes.absmax!.dtype);
      const out = new Float32Array(rows * columns);
      for (let block = 0, k = 0; k < out.length; block++) {
        const scale = absmax[block]!;
        for (const end = Math.min(k + blockSize, out.length); k < end; k++) {
          const pair = bytes[k >> 1]!;
          out[k] = table[k & 1 ? pair & 15 : pair >> 4]! * scale;
        }
      }
      return out;
    },
  };
}

function nestedScales(
  { absmax, nestedAbsmax, nestedCodebook }: Readonly<Record<string, PlaneBytes>>,
  { blockSize, offset }: NonNullable<CodebookOptions["nested"]>,
): Float32Array {
  const table = toFloat32(nestedCodebook!.bytes, nestedCodebook!.dtype);
  const scales = toFloat32(nestedAbsmax!.bytes, nestedAbsmax!.dtype);
  return Float32Array.from(
    absmax!.bytes,
    (code, k) => Math.fround(table[code]! * scales[Math.floor(k / blockSize)]!) + offset,
  );
}
