import { float16Values, type GgmlFormat, ggmlFormat } from "./ggml-format.js";
import { IQ4_VALUES } from "./iq4.js";

/** 4 bit with a table of values: float16 scale, 16 bytes whose low nibbles are the first half. `d table[q]`. */
export const IQ4_NL: GgmlFormat = ggmlFormat({
  name: "IQ4_NL",
  id: 20,
  blockSize: 32,
  blockBytes: 18,
  decodeBlocks(bytes, values) {
    const float16 = float16Values();
    for (let at = 0, to = 0; at < bytes.length; at += 18, to += 32) {
      const d = float16[bytes[at]! | (bytes[at + 1]! << 8)]!;
      for (let i = 0; i < 16; i++) {
        const q = bytes[at + 2 + i]!;
        values[to + i] = d * IQ4_VALUES[q & 15]!;
        values[to + 16 + i] = d * IQ4_VALUES[q >> 4]!;
      }
    }
  },
});
