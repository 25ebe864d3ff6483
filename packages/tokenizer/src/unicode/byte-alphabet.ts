/** The alphabet of byte-level tokenizers: a visible character for each byte, as in GPT-2. */

import { encodeUtf8 } from "./utf8.js";

const CHARS: string[] = [];
const BYTES = new Map<number, number>();

for (let byte = 0, next = 256; byte < 256; byte++) {
  const visible = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  const code = visible ? byte : next++;
  CHARS.push(String.fromCharCode(code));
  BYTES.set(code, byte);
}

/** The character for a space, "Ġ". */
export const SPACE_CHAR = charOfByte(0x20);

/** Returns the character for a byte. */
function charOfByte(byte: number): string {
  return CHARS[byte] as string;
}

/** Encodes a text in the byte alphabet, one character for each byte of its UTF-8. */
export function toByteAlphabet(text: string): string {
  let out = "";
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return out + bytesToAlphabet(encodeUtf8(text.slice(i)));
    out += CHARS[unit];
  }
  return out;
}

function bytesToAlphabet(bytes: Uint8Array): string {
  let out = "";
  for (const byte of bytes) out += CHARS[byte];
  return out;
}

/** Appends the bytes of a token; a token with a character outside the alphabet is encoded as UTF-8. */
export function pushBytes(token: string, bytes: number[]): void {
  const start = bytes.length;
  for (let i = 0; i < token.length; i++) {
    const byte = BYTES.get(token.charCodeAt(i));
    if (byte === undefined) {
      bytes.length = start;
      for (const other of encodeUtf8(token)) bytes.push(other);
      return;
    }
    bytes.push(byte);
  }
}
