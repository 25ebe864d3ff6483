import { float16Values, type GgmlFormat, ggmlFormat } from "./ggml-format.js";

/**
 * 2 bit, in 16 groups of 16: a byte of 4-bit scale and minimum for each group, 64 bytes of codes, float16 scale of the
 * scales and of the minima. `d s q - dmin m`. In each half of 128 values, a byte has one code of each of four rows of 32.
 */
export const Q2_K: GgmlFormat = ggmlFormat({
  name: "Q2_K",
  id: 10,
  blockSize: 256,
  blockBytes: 84,
  decodeBlocks(bytes, values) {
    const float16 = float16Values();
    for (let at = 0, to = 0; at < bytes.length; at += 84) {
      const d = float16[bytes[at + 80]! | (bytes[at + 81]! << 8)]!;
      const dmin = float16[bytes[at + 82]! | (bytes[at + 83]! << 8)]!;
      for (let group = 0; group < 16; group++) {
        const scale = bytes[at + group]!;
        const [dl, ml] = [d * (scale & 15), dmin * (scale >> 4)];
        const from = at + 16 + 32 * (group >> 3) + 16 * (group & 1);
        const shift = group & 6;
        for (let i = 0; i < 16; i++) values[to++] = dl * ((bytes[from + i]! >> shift) & 3) - ml;
      }
    }
  },
});
