import { type GgmlFormat, ggmlFormat } from "./ggml-format.js";

/** Values of the 16 codes of E2M1, doubled, so that they are whole: `kvalues_mxfp4` of ggml. It has no negative zero. */
const DOUBLED = Int8Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

/**
 * 4-bit floats (E2M1, OCP Microscaling Formats 1.0): exponent of the scale, 16 bytes whose low nibbles are the first half.
 * `2^(e - 127) q`. Unlike here, safetensors of gpt-oss have neighbours in one byte.
 */
export const MXFP4: GgmlFormat = ggmlFormat({
  name: "MXFP4",
  id: 39,
  blockSize: 32,
  blockBytes: 17,
  decodeBlocks(bytes, values) {
    for (let at = 0, to = 0; at < bytes.length; at += 17, to += 32) {
      const d = 2 ** (bytes[at]! - 128);
      for (let i = 0; i < 16; i++) {
        const q = bytes[at + 1 + i]!;
        values[to + i] = d * DOUBLED[q & 15]!;
        values[to + 16 + i] = d * DOUBLED[q >> 4]!;
      }
    }
  },
});
