/**
 * Unpacks unsigned integers of 2 to 8 bits from a little-endian stream, the first in the lowest bits. They may cross bytes
 * and words.
 * @param from number of bits before the first
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
