import { float16Values, type GgmlFormat, ggmlFormat } from "./ggml-format.js";

/** 8 bit: float16 scale, 32 signed bytes. `d q`. */
export const Q8_0: GgmlFormat = ggmlFormat({
  name: "Q8_0",
  id: 8,
  blockSize: 32,
  blockBytes: 34,
  decodeBlocks(bytes, values) {
    const float16 = float16Values();
    for (let at = 0, to = 0; at < bytes.length; at += 34, to += 32) {
      const d = float16[bytes[at]! | (bytes[at + 1]! << 8)]!;
      for (let i = 0; i < 32; i++) values[to + i] = d * ((bytes[at + 2 + i]! << 24) >> 24);
    }
  },
});
