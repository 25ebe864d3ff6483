/**
 * Unpacks the 6-bit scales and minima of the 8 groups of a Q4_K or Q5_K block, which share 12 bytes.
 * @param scales takes 8 scales, then 8 minima
 */
export function unpackKScales(bytes: Uint8Array, at: number, scales: Uint8Array): void {
  for (let i = 0; i < 4; i++) {
    const [a, b, c] = [bytes[at + i]!, bytes[at + 4 + i]!, bytes[at + 8 + i]!];
    scales[i] = a & 63;
    scales[8 + i] = b & 63;
    scales[4 + i] = (c & 15) | ((a >> 6) << 4);
    scales[12 + i] = (c >> 4) | ((b >> 6) << 4);
  }
}
