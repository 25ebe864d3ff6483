import type { Dtype } from "./dtype.js";
import { SafetensorsError } from "./errors.js";
import { decodeTable } from "./small-float.js";
import { countElements, viewAs } from "./typed-view.js";

/**
 * Converts values to float32. F32, F16, BF16, F8, F6, F4 and integers of 8 and 16 bits are exact, and BOOL (0 or 1); a NaN
 * stays NaN. F64 and integers of 32 and 64 bits round to the nearest float32, ties to even. F4 and F6 are packed: the
 * first element is in the lowest bits.
 * @param bytes little endian, at any alignment. F32 bytes at a multiple of 4 are not copied: the result shares their
 *   memory.
 * @throws SafetensorsError for a length that is not a multiple of the element size, more than 2^30 elements, and C64
 */
export function toFloat32(bytes: Uint8Array, dtype: Dtype): Float32Array {
  const count = countElements(bytes, dtype);
  switch (dtype) {
    case "F32":
      return viewAs(Float32Array, bytes);
    case "BF16":
      return shifted(viewAs(Uint16Array, bytes));
    case "F16":
      return lookedUp(viewAs(Uint16Array, bytes), decodeTable(dtype));
    case "F8_E4M3":
    case "F8_E5M2":
    case "F8_E4M3FNUZ":
    case "F8_E5M2FNUZ":
    case "F8_E8M0":
      return lookedUp(bytes, decodeTable(dtype));
    case "F6_E3M2":
    case "F6_E2M3":
    case "F4":
      return lookedUp(unpackBits(bytes, dtype === "F4" ? 4 : 6), decodeTable(dtype));
    case "F64":
      return new Float32Array(viewAs(Float64Array, bytes));
    case "I64":
      return Float32Array.from({ length: count }, fromInt64(viewAs(BigInt64Array, bytes)));
    case "U64":
      return Float32Array.from({ length: count }, fromInt64(viewAs(BigUint64Array, bytes)));
    case "I32":
      return new Float32Array(viewAs(Int32Array, bytes));
    case "U32":
      return new Float32Array(viewAs(Uint32Array, bytes));
    case "U16":
      return new Float32Array(viewAs(Uint16Array, bytes));
    case "I16":
      return new Float32Array(viewAs(Int16Array, bytes));
    case "I8":
      return new Float32Array(viewAs(Int8Array, bytes));
    case "U8":
      return new Float32Array(bytes);
    case "BOOL":
      return Float32Array.from(bytes, (byte) => (byte === 0 ? 0 : 1));
    case "C64":
      throw new SafetensorsError({
        where: "C64 bytes",
        expected: "real numbers",
        got: "complex numbers",
        fix: "Read them as F32: pairs of a real and an imaginary part",
      });
  }
}

/** Unpacks a little-endian stream of elements of 4 or 6 bits, one per byte. */
function unpackBits(bytes: Uint8Array, bits: 4 | 6): Uint8Array {
  const codes = new Uint8Array((bytes.length * 8) / bits);
  if (bits === 4) {
    for (let i = 0; i < bytes.length; i++) {
      codes[2 * i] = bytes[i]! & 15;
      codes[2 * i + 1] = bytes[i]! >> 4;
    }
    return codes;
  }
  for (let i = 0; i < codes.length; i++) {
    const at = i * bits;
    const pair = bytes[at >> 3]! | ((bytes[(at >> 3) + 1] ?? 0) << 8);
    codes[i] = (pair >> (at & 7)) & ((1 << bits) - 1);
  }
  return codes;
}

/**
 * Converts a matrix to float32, transposed: the values of `toFloat32` in the order of the other axis. Takes one pass,
 * without an intermediate array for F32, BF16, F16 and F8.
 * @param bytes `[rows, cols]`
 * @returns `[cols, rows]`, always in fresh memory
 * @throws SafetensorsError as {@link toFloat32}, and unless `bytes` holds `rows · cols` elements
 */
export function toFloat32Transposed(bytes: Uint8Array, dtype: Dtype, rows: number, cols: number): Float32Array {
  const count = countElements(bytes, dtype);
  if (!Number.isInteger(rows) || !Number.isInteger(cols) || rows < 0 || cols < 0 || rows * cols !== count) {
    throw new SafetensorsError({
      where: "toFloat32Transposed",
      expected: `${rows} × ${cols} elements`,
      got: `${count}`,
    });
  }
  const result = new Float32Array(count);
  const bits = new Int32Array(result.buffer);
  switch (dtype) {
    case "BF16": {
      const source = viewAs(Uint16Array, bytes);
      forEachRun(rows, cols, (from, to, end) => {
        for (let i = from, o = to; o < end; i += cols, o++) bits[o] = source[i]! << 16;
      });
      break;
    }
    case "F16":
    case "F8_E4M3":
    case "F8_E5M2": {
      const source = dtype === "F16" ? viewAs(Uint16Array, bytes) : bytes;
      const table = decodeTable(dtype);
      forEachRun(rows, cols, (from, to, end) => {
        for (let i = from, o = to; o < end; i += cols, o++) bits[o] = table[source[i]!]!;
      });
      break;
    }
    default: {
      const values = toFloat32(bytes, dtype);
      const source = new Int32Array(values.buffer, values.byteOffset, count); // bits: a NaN keeps its payload
      forEachRun(rows, cols, (from, to, end) => {
        for (let i = from, o = to; o < end; i += cols, o++) bits[o] = source[i]!;
      });
    }
  }
  return result;
}

/** Rows of a tile: 16 values fill a cache line of the result. */
const TILE_ROWS = 16;
/** Columns of a tile: 32 values of 16 bits fill a cache line of the source. */
const TILE_COLS = 32;

/**
 * Visits a transpose in tiles that fit the cache: `run(from, to, end)` must fill `[to, end)` of the result from the
 * source elements `from`, `from + cols`, ….
 */
function forEachRun(rows: number, cols: number, run: (from: number, to: number, end: number) => void): void {
  for (let left = 0; left < cols; left += TILE_COLS) {
    const right = Math.min(left + TILE_COLS, cols);
    for (let top = 0; top < rows; top += TILE_ROWS) {
      const bottom = Math.min(top + TILE_ROWS, rows);
      for (let col = left; col < right; col++) run(top * cols + col, col * rows + top, col * rows + bottom);
    }
  }
}

/** A BF16 value is the upper half of a float32. */
function shifted(source: Uint16Array): Float32Array {
  const bits = new Int32Array(source.length);
  for (let i = 0; i < source.length; i++) bits[i] = source[i]! << 16;
  return new Float32Array(bits.buffer);
}

function lookedUp(source: Uint16Array | Uint8Array, table: Int32Array): Float32Array {
  const bits = new Int32Array(source.length);
  for (let i = 0; i < source.length; i++) bits[i] = table[source[i]!]!;
  return new Float32Array(bits.buffer);
}

/**
 * Rounding first to float64 and then to float32 could round twice. Beyond 2^53 the lowest 12 bits are therefore folded
 * into one sticky bit first, which float64 represents exactly and float32 sees only as "above" or "below" a tie.
 */
function fromInt64(values: BigInt64Array | BigUint64Array): (_: unknown, index: number) => number {
  return (_, index) => {
    const value = values[index]!;
    const rounded = Number(value);
    if (Number.isSafeInteger(rounded)) return rounded;
    return Number((value & ~0xfffn) | (value & 0xfffn ? 0x800n : 0n));
  };
}
