import { float16Values, type GgmlFormat, ggmlFormat } from "./ggml-format.js";

/** 5 bit: float16 scale and minimum, 32 fifth bits, 16 bytes whose low nibbles are the first half. `d q + m`. */
export const Q5_1: GgmlFormat = ggmlFormat({
  name: "Q5_1",
  id: 7,
  blockSize: 32,
  blockBytes: 24,
  decodeBlocks(bytes, values) {
    const float16 = float16Values();
    for (let at = 0, to = 0; at < bytes.length; at += 24, to += 32) {
      const d = float16[bytes[at]! | (bytes[at + 1]! << 8)]!;
      const m = float16[bytes[at + 2]! | (bytes[at + 3]! << 8)]!;
      for (let i = 0; i < 16; i++) {
        const q = bytes[at + 8 + i]!;
        const first = (bytes[at + 4 + (i >> 3)]! >> (i & 7)) & 1;
        const second = (bytes[at + 6 + (i >> 3)]! >> (i & 7)) & 1;
        values[to + i] = d * ((q & 15) | (first << 4)) + m;
        values[to + 16 + i] = d * ((q >> 4) | (second << 4)) + m;
      }
    }
  },
});
