import { float16Values, type GgmlFormat, ggmlFormat } from "./ggml-format.js";

/** 5 bit: float16 scale, 32 fifth bits, 16 bytes whose low nibbles are the first half. `d (q - 16)`. */
export const Q5_0: GgmlFormat = ggmlFormat({
  name: "Q5_0",
  id: 6,
  blockSize: 32,
  blockBytes: 22,
  decodeBlocks(bytes, values) {
    const float16 = float16Values();
    for (let at = 0, to = 0; at < bytes.length; at += 22, to += 32) {
      const d = float16[bytes[at]! | (bytes[at + 1]! << 8)]!;
      for (let i = 0; i < 16; i++) {
        const q = bytes[at + 6 + i]!;
        const first = (bytes[at + 2 + (i >> 3)]! >> (i & 7)) & 1;
        const second = (bytes[at + 4 + (i >> 3)]! >> (i & 7)) & 1;
        values[to + i] = d * (((q & 15) | (first << 4)) - 16);
        values[to + 16 + i] = d * (((q >> 4) | (second << 4)) - 16);
      }
    }
  },
});
