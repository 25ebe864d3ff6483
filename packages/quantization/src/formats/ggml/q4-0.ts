import { float16Values, type GgmlFormat, ggmlFormat } from "./ggml-format.js";

/** 4 bit: float16 scale, 16 bytes whose low nibbles are the first half. `d (q - 8)`. */
export const Q4_0: GgmlFormat = ggmlFormat({
  name: "Q4_0",
  id: 2,
  blockSize: 32,
  blockBytes: 18,
  decodeBlocks(bytes, values) {
    const float16 = float16Values();
    for (let at = 0, to = 0; at < bytes.length; at += 18, to += 32) {
      const d = float16[bytes[at]! | (bytes[at + 1]! << 8)]!;
      for (let i = 0; i < 16; i++) {
        const q = bytes[at + 2 + i]!;
        values[to + i] = d * ((q & 15) - 8);
        values[to + 16 + i] = d * ((q >> 4) - 8);
      }
    }
  },
});
