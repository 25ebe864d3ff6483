import { float16Values, type GgmlFormat, ggmlFormat } from "./ggml-format.js";
import { unpackKScales } from "./k-scales.js";

/**
 * 4 bit, in 8 groups of 32: float16 scale of the scales and of the minima, 12 bytes of 6-bit scales and minima, 128 bytes
 * of codes. `d s q - dmin m`. The low nibbles of 32 bytes are one group, the high ones the next.
 */
export const Q4_K: GgmlFormat = ggmlFormat({
  name: "Q4_K",
  id: 12,
  blockSize: 256,
  blockBytes: 144,
  decodeBlocks(bytes, values) {
    const float16 = float16Values();
    const scales = new Uint8Array(16);
    for (let at = 0, to = 0; at < bytes.length; at += 144) {
      const d = float16[bytes[at]! | (bytes[at + 1]! << 8)]!;
      const dmin = float16[bytes[at + 2]! | (bytes[at + 3]! << 8)]!;
      unpackKScales(bytes, at + 4, scales);
      for (let group = 0; group < 8; group++) {
        const [dl, ml] = [d * scales[group]!, dmin * scales[8 + group]!];
        const from = at + 16 + 32 * (group >> 1);
        const shift = 4 * (group & 1);
        for (let i = 0; i < 32; i++) values[to++] = dl * ((bytes[from + i]! >> shift) & 15) - ml;
      }
    }
  },
});
