import type { Dtype } from "./dtype.js";

/** A floating-point format of at most 16 bits: one sign bit, then exponent, then mantissa. */
interface SmallFloat {
  readonly bits: 8 | 16;
  readonly mantissaBits: number;
  readonly bias: number;
  /** Code of the largest number. */
  readonly largest: number;
  readonly hasInfinity: boolean;
  /** Magnitude, as float32 bits, from which a value becomes infinity, or else the largest number. */
  readonly overflowsFrom: number;
  readonly nan: number;
}

export type SmallFloatDtype = Extract<Dtype, "F16" | "F8_E4M3" | "F8_E5M2">;

/**
 * F16 is IEEE 754 binary16. F8_E5M2 is the same with fewer bits. F8_E4M3 is what torch calls `float8_e4m3fn`: no infinity,
 * a single NaN for each sign, and so 448 as its largest number.
 * Reference: Micikevicius et al., "FP8 Formats for Deep Learning", arXiv:2209.05433.
 */
const FORMATS: Readonly<Record<SmallFloatDtype, SmallFloat>> = {
  F16: {
    bits: 16,
    mantissaBits: 10,
    bias: 15,
    largest: 0x7bff,
    hasInfinity: true,
    overflowsFrom: 0x47800000, // 65536; from 65520 on, rounding carries into infinity anyway
    nan: 0x7e00,
  },
  F8_E5M2: {
    bits: 8,
    mantissaBits: 2,
    bias: 15,
    largest: 0x7b,
    hasInfinity: true,
    overflowsFrom: 0x47800000, // 65536; from 61440 on, as above
    nan: 0x7f,
  },
  F8_E4M3: {
    bits: 8,
    mantissaBits: 3,
    bias: 7,
    largest: 0x7e,
    hasInfinity: false,
    overflowsFrom: 0x43e80000, // 464, halfway to 480, whose code is the NaN
    nan: 0x7f,
  },
};

/** Formats that are only read: their codes. Those of 4 and 6 bits have neither infinity nor NaN. */
type ReadFormat = Pick<SmallFloat, "mantissaBits" | "bias" | "largest" | "hasInfinity"> & {
  readonly bits: 4 | 6 | 8 | 16;
  /** True if the code of −0 is the only NaN, as in the FNUZ formats ("finite, NaN, unsigned zero"). */
  readonly hasUnsignedZero?: boolean;
};

type ReadOnlyDtype = "F8_E4M3FNUZ" | "F8_E5M2FNUZ" | "F6_E3M2" | "F6_E2M3" | "F4";

/** F4 and F6 are those of the OCP Microscaling Formats (MX) Specification 1.0; FNUZ those of arXiv:2206.02915. */
const READ_ONLY: Readonly<Record<ReadOnlyDtype, ReadFormat>> = {
  F8_E4M3FNUZ: { bits: 8, mantissaBits: 3, bias: 8, largest: 0x7f, hasInfinity: false, hasUnsignedZero: true },
  F8_E5M2FNUZ: { bits: 8, mantissaBits: 2, bias: 16, largest: 0x7f, hasInfinity: false, hasUnsignedZero: true },
  F6_E3M2: { bits: 6, mantissaBits: 2, bias: 3, largest: 0x1f, hasInfinity: false },
  F6_E2M3: { bits: 6, mantissaBits: 3, bias: 1, largest: 0x1f, hasInfinity: false },
  F4: { bits: 4, mantissaBits: 1, bias: 1, largest: 0x7, hasInfinity: false },
};

/** Dtypes of at most 16 bits that are decoded by a table. F8_E8M0 has an exponent alone. */
export type TableDtype = SmallFloatDtype | ReadOnlyDtype | "F8_E8M0";

const tables = new Map<TableDtype, Int32Array>();

/** Returns every value of a format as float32 bits: 64 Ki entries for F16, 256 for F8. */
export function decodeTable(dtype: TableDtype): Int32Array {
  const table =
    tables.get(dtype) ?? (dtype === "F8_E8M0" ? powersOfTwo() : buildTable({ ...FORMATS, ...READ_ONLY }[dtype]));
  tables.set(dtype, table);
  return table;
}

function buildTable({
  bits,
  mantissaBits,
  bias,
  largest,
  hasInfinity,
  hasUnsignedZero = false,
}: ReadFormat): Int32Array {
  const values = new Float32Array(2 ** bits);
  const half = values.length / 2;
  for (let code = 0; code < half; code++) {
    const exponent = code >> mantissaBits;
    const mantissa = (code % 2 ** mantissaBits) / 2 ** mantissaBits;
    const finite = exponent === 0 ? mantissa * 2 ** (1 - bias) : (1 + mantissa) * 2 ** (exponent - bias);
    const special = hasInfinity && code === largest + 1 ? Number.POSITIVE_INFINITY : Number.NaN;
    const value = code <= largest ? finite : special;
    values[code] = value;
    values[code + half] = -value;
  }
  if (hasUnsignedZero) values[half] = Number.NaN;
  return new Int32Array(values.buffer);
}

/** `2^(code − 127)`; the last code is the NaN. */
function powersOfTwo(): Int32Array {
  const values = Float32Array.from({ length: 256 }, (_, code) => (code === 255 ? Number.NaN : 2 ** (code - 127)));
  return new Int32Array(values.buffer);
}

/**
 * Rounds float32 values to a format: to nearest, ties to even, as torch does. NaN stays NaN; values that are too large
 * become infinity, or 448 in F8_E4M3, which has no infinity.
 * Method: F. Giesen, "float_to_half_fast3_rtne", https://gist.github.com/rygorous/2156668.
 */
export function encodeSmallFloat(values: Float32Array, dtype: SmallFloatDtype): Uint8Array {
  const { bits, mantissaBits, bias, largest, hasInfinity, overflowsFrom, nan } = FORMATS[dtype];
  const overflow = hasInfinity ? largest + 1 : largest;
  const source = new Int32Array(values.buffer, values.byteOffset, values.length);
  const codes = bits === 16 ? new Uint16Array(values.length) : new Uint8Array(values.length);

  const shift = 23 - mantissaBits;
  const smallestNormal = (127 - bias + 1) << 23;
  // Adding this number to a subnormal makes the float32 unit do the rounding: it aligns the last bits of both.
  const magicBits = (127 - bias + shift + 1) << 23;
  const float = new Float32Array(1);
  const word = new Int32Array(float.buffer);
  word[0] = magicBits;
  const magic = float[0]!;
  const rebias = ((bias - 127) << 23) + (1 << (shift - 1)) - 1;

  for (let i = 0; i < source.length; i++) {
    const magnitude = source[i]! & 0x7fffffff;
    const sign = (source[i]! >>> (32 - bits)) & (1 << (bits - 1));
    let code: number;
    if (magnitude >= overflowsFrom) {
      code = magnitude > 0x7f800000 ? nan : overflow;
    } else if (magnitude < smallestNormal) {
      float[0] = Math.abs(values[i]!) + magic;
      code = word[0]! - magicBits;
    } else {
      const odd = (magnitude >> shift) & 1;
      code = (magnitude + rebias + odd) >> shift;
    }
    codes[i] = sign | code;
  }
  return new Uint8Array(codes.buffer);
}
