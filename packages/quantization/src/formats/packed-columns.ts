/** Integers packed in 32-bit words with the input dimension first, as GPTQ and AWQ store a matrix `[out, in]`. */

import { type BlockFormat, toFloat32 } from "@mixtape/safetensors";
import { unpackColumns, unpackRows, wordsOf } from "./bit-stream.js";
import { groupsOf } from "./group-index.js";

/** Parameters of {@link gptq}. */
export interface GptqOptions {
  /** From 2 to 8. */
  readonly bits: number;
  /** Inputs that share a scale. */
  readonly groupSize: number;
  /** Whether zero points are stored minus one, as in version 1 of the format. */
  readonly zerosMinusOne: boolean;
  /** Whether there is a plane `groupIndex`. */
  readonly hasGroupIndex: boolean;
}

/**
 * GPTQ: `W[o, i] = (q[i, o] − zero[g, o]) · scale[g, o]` in the group `g = groupIndex[i]`, or `i div groupSize`. Planes:
 * `weight` (I32, `[⌈in · bits / 32⌉, out]`, a bit stream per column), `zeroPoint` (I32, `[groups, ⌈out · bits / 32⌉]`, a bit
 * stream per row), `scale` (`[groups, out]`), `groupIndex` (I32, `[in]`).
 * Reference: GPTQModel, `nn_modules/qlinear/__init__.py`, `dequantize_weight`, and `utils/model.py`,
 * `convert_gptq_v1_to_v2_format_module`.
 */
export function gptq({ bits, groupSize, zerosMinusOne, hasGroupIndex }: GptqOptions): BlockFormat {
  return {
    name: "gptq",
    parameters: { bits, groupSize, zerosMinusOne, hasGroupIndex },
    decode({ weight, scale, zeroPoint, groupIndex }, [rows, columns]) {
      const groups = scale!.shape[0]!;
      return decodeColumns([rows, columns], {
        codes: unpackColumns(weight!.bytes, bits, columns, rows),
        zeros: zeroPoints(zeroPoint!.bytes, { bits, zerosMinusOne, groups, rows }),
        scales: toFloat32(scale!.bytes, scale!.dtype),
        groupOf: groupIndex ? groupsOf(groupIndex, groups) : (i) => Math.floor(i / groupSize),
      });
    },
  };
}

/**
 * AWQ as version GEMM stores it: `W[o, i] = (q[i, o] − zero[g, o]) · scale[g, o]` in the group `g = i div groupSize`, 4 bits.
 * Planes: `weight` (I32, `[in, out / 8]`), `zeroPoint` (I32, `[groups, out / 8]`), `scale` (`[groups, out]`). The eight
 * outputs of a word are in the order 0, 2, 4, 6, 1, 3, 5, 7.
 * Reference: AutoAWQ, `utils/packing_utils.py`, `dequantize_gemm`.
 */
export function awq(groupSize: number): BlockFormat {
  return {
    name: "awq",
    parameters: { bits: 4, groupSize },
    decode({ weight, scale, zeroPoint }, [rows, columns]) {
      return decodeColumns([rows, columns], {
        codes: unpackAwq(weight!.bytes),
        zeros: unpackAwq(zeroPoint!.bytes),
        scales: toFloat32(scale!.bytes, scale!.dtype),
        groupOf: (i) => Math.floor(i / groupSize),
      });
    },
  };
}

/** Unpacked planes. */
interface Unpacked {
  /** `[in, out]` */
  readonly codes: Uint8Array;
  /** `[groups, out]` */
  readonly zeros: Uint8Array;
  /** `[groups, out]` */
  readonly scales: Float32Array;
  readonly groupOf: (input: number) => number;
}

/** Inputs whose values of an output fill a cache line. */
const BLOCK = 16;

function decodeColumns(
  [rows, columns]: readonly [number, number],
  { codes, zeros, scales, groupOf }: Unpacked,
): Float32Array {
  const firsts = Int32Array.from({ length: columns }, (_, i) => groupOf(i) * rows);
  const out = new Float32Array(rows * columns);
  for (let start = 0; start < columns; start += BLOCK) {
    const end = Math.min(start + BLOCK, columns);
    for (let o = 0; o < rows; o++)
      for (let i = start, code = start * rows + o, at = o * columns + start; i < end; i++, code += rows, at++) {
        const group = firsts[i]! + o;
        out[at] = (codes[code]! - zeros[group]!) * scales[group]!;
      }
  }
  return out;
}

function zeroPoints(
  bytes: Uint8Array,
  { bits, zerosMinusOne, groups, rows }: Pick<GptqOptions, "bits" | "zerosMinusOne"> & { groups: number; rows: number },
): Uint8Array {
  if (!zerosMinusOne) return unpackRows(bytes, bits, groups, rows);
  // Writers subtract one from whole words, with a borrow between integers; those that cross words they subtract one by one.
  if (32 % bits !== 0) return unpackRows(bytes, bits, groups, rows).map((zero) => (zero + 1) & (2 ** bits - 1));
  const ones = 0xffffffff / (2 ** bits - 1);
  const words = wordsOf(bytes).map((word) => word + ones);
  return unpackRows(new Uint8Array(words.buffer), bits, groups, rows);
}

/** Unpacks the words of AWQ: the low half of byte b is output `AWQ_ORDER[2b]`, the high half `AWQ_ORDER[2b + 1]`. */
function unpackAwq(bytes: Uint8Array): Uint8Array {
  const codes = new Uint8Array(2 * bytes.length);
  for (let i = 0; i < bytes.length; i++) {
    const word = 2 * (i & ~3);
    codes[word + AWQ_ORDER[2 * (i & 3)]!] = bytes[i]! & 15;
    codes[word + AWQ_ORDER[2 * (i & 3) + 1]!] = bytes[i]! >> 4;
  }
  return codes;
}

const AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7] as const;
