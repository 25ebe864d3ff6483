import { float16Values, type GgmlFormat, ggmlFormat } from "./ggml-format.js";
import { unpackKScales } from "./k-scales.js";

/**
 * 5 bit, in 8 groups of 32: as Q4_K, with 32 bytes of fifth bits before the codes; bit `g` of each belongs to group `g`.
 * `d s q - dmin m`.
 */
export const Q5_K: GgmlFormat = ggmlFormat({
  name: "Q5_K",
  id: 13,
  blockSize: 256,
  blockBytes: 176,
  decodeBlocks(bytes, values) {
    const float16 = float16Values();
    const scales = new Uint8Array(16);
    for (let at = 0, to = 0; at < bytes.length; at += 176) {
      const d = float16[bytes[at]! | (bytes[at + 1]! << 8)]!;
      const dmin = float16[bytes[at + 2]! | (bytes[at + 3]! << 8)]!;
      unpackKScales(bytes, at + 4, scales);
      for (let group = 0; group < 8; group++) {
        const [dl, ml] = [d * scales[group]!, dmin * scales[8 + group]!];
        const from = at + 48 + 32 * (group >> 1);
        const shift = 4 * (group & 1);
        for (let i = 0; i < 32; i++) {
          const high = (bytes[at + 16 + i]! >> group) & 1;
          values[to++] = dl * (((bytes[from + i]! >> shift) & 15) | (high << 4)) - ml;
        }
      }
    }
  },
});
