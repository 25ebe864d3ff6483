import { float16Values, type GgmlFormat, ggmlFormat } from "./ggml-format.js";

/** 4 bit: float16 scale and minimum, 16 bytes whose low nibbles are the first half. `d q + m`. */
export const Q4_1: GgmlFormat = ggmlFormat({
  name: "Q4_1",
  id: 3,
  blockSize: 32,
  blockBytes: 20,
  decodeBlocks(bytes, values) {
    const float16 = float16Values();
    for (let at = 0, to = 0; at < bytes.length; at += 20, to += 32) {
      const d = float16[bytes[at]! | (bytes[at + 1]! << 8)]!;
      const m = float16[bytes[at + 2]! | (bytes[at + 3]! << 8)]!;
      for (let i = 0; i < 16; i++) {
        const q = bytes[at + 4 + i]!;
        values[to + i] = d * (q & 15) + m;
        values[to + 16 + i] = d * (q >> 4) + m;
      }
    }
  },
});
