import { float16Values, type GgmlFormat, ggmlFormat } from "./ggml-format.js";

/**
 * 6 bit, in 16 groups of 16: 128 bytes of low nibbles, 64 bytes of the two high bits, 16 signed scales, and their float16
 * scale. `d s (q - 32)`. In each half of 128 values, 64 bytes have the low nibbles of two rows of 32 and 32 bytes the high
 * bits of four.
 */
export const Q6_K: GgmlFormat = ggmlFormat({
  name: "Q6_K",
  id: 14,
  blockSize: 256,
  blockBytes: 210,
  decodeBlocks(bytes, values) {
    const float16 = float16Values();
    for (let at = 0, to = 0; at < bytes.length; at += 210) {
      const d = float16[bytes[at + 208]! | (bytes[at + 209]! << 8)]!;
      for (let group = 0; group < 16; group++) {
        const dl = d * ((bytes[at + 192 + group]! << 24) >> 24);
        const half = group >> 3;
        const row = (group >> 1) & 3;
        const low = at + 64 * half + 32 * (row & 1) + 16 * (group & 1);
        const high = at + 128 + 32 * half + 16 * (group & 1);
        const lowShift = 4 * (row >> 1);
        for (let i = 0; i < 16; i++) {
          const q = ((bytes[low + i]! >> lowShift) & 15) | (((bytes[high + i]! >> (2 * row)) & 3) << 4);
          values[to++] = dl * (q - 32);
        }
      }
    }
  },
});
