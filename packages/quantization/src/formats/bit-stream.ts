/** Unsigned integers of 2 to 8 bits in a little-endian stream, the first in the lowest bits. They may cross bytes and words. */

/** Unpacks a stream. */
export function unpackBits(bytes: Uint8Array, bits: number, count: number): Uint8Array {
  if (bits === 8) return bytes.subarray(0, count);
  const codes = new Uint8Array(count);
  if (bits === 4) {
    for (let i = 0; i < count; i++) codes[i] = i & 1 ? bytes[i >> 1]! >> 4 : bytes[i >> 1]! & 15;
    return codes;
  }
  const mask = 2 ** bits - 1;
  let waiting = 0;
  let waitingBits = 0;
  for (let i = 0, byte = 0; i < count; i++) {
    if (waitingBits < bits) {
      waiting |= bytes[byte++]! << waitingBits;
      waitingBits += 8;
    }
    codes[i] = waiting & mask;
    waiting >>>= bits;
    waitingBits -= bits;
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
