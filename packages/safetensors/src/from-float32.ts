import { bytesOf } from "./byte-source.js";
import type { Dtype } from "./dtype.js";
import { SafetensorsError } from "./errors.js";
import { encodeSmallFloat } from "./small-float.js";
import { requireLittleEndian } from "./typed-view.js";

/**
 * Converts float32 values to bytes of a dtype. F64 and F32 are exact. F16, BF16 and F8 round to nearest, ties to even,
 * as in torch; NaN stays NaN; values that are too large become infinity, or ±448 in F8_E4M3, which has no infinity.
 * Integers and BOOL accept only values that they can represent exactly.
 * @returns little endian bytes. F32 bytes are not copied: the result shares the memory of `values`.
 * @throws SafetensorsError for a value that an integer dtype cannot represent, and for C64, F4, F6, F8_E8M0 and the FNUZ
 *   dtypes, which are only read
 */
export function fromFloat32(values: Float32Array, dtype: Dtype): Uint8Array {
  requireLittleEndian();
  switch (dtype) {
    case "F32":
      return bytesOf(values);
    case "F64":
      return bytesOf(new Float64Array(values));
    case "BF16":
      return encodeBfloat16(values);
    case "F16":
    case "F8_E4M3":
    case "F8_E5M2":
      return encodeSmallFloat(values, dtype);
    case "U64":
      requireIntegers(values, dtype, 0, 2 ** 64);
      return bytesOf(BigUint64Array.from(values, BigInt));
    case "U32":
      requireIntegers(values, dtype, 0, 2 ** 32);
      return bytesOf(new Uint32Array(values));
    case "U16":
      requireIntegers(values, dtype, 0, 2 ** 16);
      return bytesOf(new Uint16Array(values));
    case "I64":
      requireIntegers(values, dtype, -(2 ** 63), 2 ** 63);
      return bytesOf(BigInt64Array.from(values, BigInt));
    case "I32":
      requireIntegers(values, dtype, -(2 ** 31), 2 ** 31);
      return bytesOf(new Int32Array(values));
    case "I16":
      requireIntegers(values, dtype, -(2 ** 15), 2 ** 15);
      return bytesOf(new Int16Array(values));
    case "I8":
      requireIntegers(values, dtype, -128, 128);
      return bytesOf(new Int8Array(values));
    case "U8":
      requireIntegers(values, dtype, 0, 256);
      return new Uint8Array(values);
    case "BOOL":
      requireIntegers(values, dtype, 0, 2);
      return new Uint8Array(values);
    case "C64":
    case "F8_E4M3FNUZ":
    case "F8_E5M2FNUZ":
    case "F8_E8M0":
    case "F6_E3M2":
    case "F6_E2M3":
    case "F4":
      throw new SafetensorsError({
        where: "fromFloat32",
        expected: "a dtype that models are saved in",
        got: dtype,
        fix: "Save the values as F32, BF16, F16 or F8_E4M3",
      });
  }
}

function encodeBfloat16(values: Float32Array): Uint8Array {
  const source = new Int32Array(values.buffer, values.byteOffset, values.length);
  const codes = new Uint16Array(values.length);
  for (let i = 0; i < source.length; i++) {
    const bits = source[i]!;
    const notANumber = (bits & 0x7fffffff) > 0x7f800000;
    // Half of the last remaining place, less one if it is even; a carry out of the mantissa raises the exponent. A NaN
    // becomes the quiet NaN: rounding could carry it into the sign, and truncating it could leave infinity.
    codes[i] = notANumber ? ((bits >>> 16) & 0x8000) | 0x7fc0 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  }
  return new Uint8Array(codes.buffer);
}

/** @throws SafetensorsError unless every value is an integer of `[min, end)`. */
function requireIntegers(values: Float32Array, dtype: Dtype, min: number, end: number): void {
  const at = values.findIndex((value) => !(Number.isInteger(value) && value >= min && value < end));
  if (at === -1) return;
  throw new SafetensorsError({
    where: `value ${at}`,
    expected: `an integer from ${min} that ${dtype} holds`,
    got: `${values[at]}`,
    fix: "Round and clamp the values first",
  });
}
