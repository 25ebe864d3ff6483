/** Unsigned integers of 2 to 8 bits in a little-endian stream, the first in the lowest bits. They may cross bytes and words. */

/**
 * Unpacks a stream.
 * @param from number of bits before the first integer
 */
export function unpackBits(bytes: Uint8Array, bits: number, count: number, from = 0): Uint8Array {
  const codes = new Uint8Array(count);
  const mask = 2 ** bits - 1;
  for (let i = 0, at = from; i < count; i++, at += bits) {
    const byte = at >>> 3;
    codes[i] = ((bytes[byte]! | ((bytes[byte + 1] ?? 0) << 8)) >> (at & 7)) & mask;
  }
  return codes;
}

/** Unpacks a matrix with one stream per row, each in whole bytes: `[rows, columns]`. */
export function unpackRows(bytes: Uint8Array, bits: number, rows: number, columns: number): Uint8Array {
  const codes = new Uint8Array(rows * columns);
  const each = bytes.length / rows;
  for (let i = 0; i < rows; i++)
    codes.set(unpackBits(bytes.subarray(i * each, (i + 1) * each), bits, columns), i * columns);
  return codes;
}

/** Unpacks a matrix with one stream per column, in 32-bit words `[⌈rows · bits / 32⌉, columns]`, to `[rows, columns]`. */
export function unpackColumns(bytes: Uint8Array, bits: number, rows: number, columns: number): Uint8Array {
  const words = wordsOf(bytes);
  const codes = new Uint8Array(rows * columns);
  const mask = 2 ** bits - 1;
  for (let i = 0, at = 0; i < rows; i++, at += bits) {
    const first = (at >>> 5) * columns;
    const shift = at & 31;
    const crosses = shift + bits > 32;
    for (let j = 0; j < columns; j++) {
      let code = words[first + j]! >>> shift;
      if (crosses) code |= words[first + columns + j]! << (32 - shift);
      codes[i * columns + j] = code & mask;
    }
  }
  return codes;
}

/** Returns bytes as 32-bit words: the same memory if it is aligned, else a copy. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  const { buffer, byteOffset, length } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Uint32Array(buffer, byteOffset, length / 4);
}
