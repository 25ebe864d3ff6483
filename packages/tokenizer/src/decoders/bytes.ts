/** Decoders of tokens that represent bytes. */

import { byteOf } from "../models/byte-tokens.js";
import { pushBytes } from "../unicode/byte-alphabet.js";
import { decodeLossily, decodeStrictly } from "../unicode/utf8.js";
import type { Decoder } from "./decoder.js";

const REPLACEMENT = "\uFFFD";

/**
 * `ByteLevel`: converts the byte alphabet back to text. Bytes that are not UTF-8 become U+FFFD, one for each maximal
 * part.
 */
export const byteLevel: Decoder = {
  decode: (tokens) => {
    const bytes: number[] = [];
    for (const token of tokens) pushBytes(token, bytes);
    return [decodeLossily(Uint8Array.from(bytes))];
  },
  local: true,
  fuses: true,
};

/** `ByteFallback`: converts runs of byte tokens to text. If a run is not UTF-8, each of its bytes becomes U+FFFD. */
export const byteFallback: Decoder = {
  decode: (tokens) => {
    const texts: string[] = [];
    let run: number[] = [];
    const endRun = (): void => {
      if (run.length === 0) return;
      const text = decodeStrictly(Uint8Array.from(run));
      if (text !== undefined) texts.push(text);
      else for (const _ of run) texts.push(REPLACEMENT);
      run = [];
    };
    for (const token of tokens) {
      const byte = byteOf(token);
      if (byte !== undefined) run.push(byte);
      else {
        endRun();
        texts.push(token);
      }
    }
    endRun();
    return texts;
  },
  local: true,
  joinsBytes: true,
};
