import { float16Values, type GgmlFormat, ggmlFormat } from "./ggml-format.js";
import { IQ4_VALUES } from "./iq4.js";

/**
 * 4 bit with a table of values, in 8 groups of 32: float16 scale of the scales, 6 bytes of 6-bit scales, and for each group
 * 16 bytes whose low nibbles are its first half. `d (s - 32) table[q]`.
 */
export const IQ4_XS: GgmlFormat = ggmlFormat({
  name: "IQ4_XS",
  id: 23,
  blockSize: 256,
  blockBytes: 136,
  decodeBlocks(bytes, values) {
    const float16 = float16Values();
    for (let at = 0, to = 0; at < bytes.length; at += 136) {
      const d = float16[bytes[at]! | (bytes[at + 1]! << 8)]!;
      const highs = bytes[at + 2]! | (bytes[at + 3]! << 8);
      for (let group = 0; group < 8; group++, to += 32) {
        const low = (bytes[at + 4 + (group >> 1)]! >> (4 * (group & 1))) & 15;
        const high = (highs >> (2 * group)) & 3;
        const dl = d * ((low | (high << 4)) - 32);
        const from = at + 8 + 16 * group;
        for (let i = 0; i < 16; i++) {
          const q = bytes[from + i]!;
          values[to + i] = dl * IQ4_VALUES[q & 15]!;
          values[to + 16 + i] = dl * IQ4_VALUES[q >> 4]!;
        }
      }
    }
  },
});
