import { float16Values, type GgmlFormat, ggmlFormat } from "./ggml-format.js";

/**
 * 3 bit, in 16 groups of 16: 256 high bits, 64 bytes of low bits laid out as in Q2_K, 12 bytes of 6-bit scales, and their
 * float16 scale. `d (s - 32) (q - 4)`.
 */
export const Q3_K: GgmlFormat = ggmlFormat({
  name: "Q3_K",
  id: 11,
  blockSize: 256,
  blockBytes: 110,
  decodeBlocks(bytes, values) {
    const float16 = float16Values();
    for (let at = 0, to = 0; at < bytes.length; at += 110) {
      const d = float16[bytes[at + 108]! | (bytes[at + 109]! << 8)]!;
      for (let group = 0; group < 16; group++) {
        const packed = bytes[at + 96 + (group & 7)]!;
        const low = group < 8 ? packed & 15 : packed >> 4;
        const high = (bytes[at + 104 + (group & 3)]! >> (2 * (group >> 2))) & 3;
        const dl = d * ((low | (high << 4)) - 32);
        const from = at + 32 + 32 * (group >> 3) + 16 * (group & 1);
        const highFrom = at + 16 * (group & 1);
        const shift = group & 6;
        const highBit = group >> 1;
        for (let i = 0; i < 16; i++) {
          const q = ((bytes[from + i]! >> shift) & 3) | (((bytes[highFrom + i]! >> highBit) & 1) << 2);
          values[to++] = dl * (q - 4);
        }
      }
    }
  },
});
