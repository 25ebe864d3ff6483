import type { Tokenizer } from "@mixtape/tokenizer";

/** Bytes as a string of one character each, U+0000 to U+00FF, so that the methods of strings search them. */
export type ByteString = string;

/** A text in UTF-8. */
export function utf8(text: string): ByteString {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}

/** The text of bytes; what is no UTF-8 becomes U+FFFD. */
export function textOf(bytes: ByteString): string {
  return new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
}

/** A byte that no UTF-8 has, for ids without a token. */
const NO_BYTE = "\xff";

/** Any text that is no part of a token's own; the token is decoded behind it, so that nothing is taken for the start of a text. */
const BEFORE = "abcdef";

/**
 * Returns a function that gives the bytes that a token adds to a text, special tokens by their names: as transformers'
 * `StopStringCriteria` sees tokens. A token of a byte-level vocabulary may hold a part of a character.
 */
export function tokenBytes(tokenizer: Tokenizer): (id: number) => ByteString {
  const before = tokenizer.encode(BEFORE, { addSpecialTokens: false });
  const begin = tokenizer.decode(before);
  const byteOf = byteReader(tokenizer);
  const known = new Map<number, ByteString>();
  const read = (id: number): ByteString => {
    const token = tokenizer.tokenOf(id);
    if (token === undefined) return NO_BYTE;
    const bytes = byteOf(token);
    if (bytes !== undefined) return bytes;
    const text = tokenizer.decode([...before, id]);
    return utf8(text.startsWith(begin) ? text.slice(begin.length) : tokenizer.decode([id]));
  };
  return (id) => {
    const found = known.get(id) ?? read(id);
    known.set(id, found);
    return found;
  };
}

/** Reads tokens that are spelled as bytes in the vocabulary; undefined for others. */
function byteReader(tokenizer: Tokenizer): (token: string) => ByteString | undefined {
  const isNewline = (token: string): boolean => {
    const id = tokenizer.idOf(token);
    return id !== undefined && tokenizer.decode([id]) === "\n";
  };
  if (isNewline("<0x0A>"))
    return (token) => {
      const hex = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
      return hex === undefined ? undefined : String.fromCharCode(Number.parseInt(hex, 16));
    };
  if (!isNewline(LETTERS_OF_BYTES[0x0a]!)) return () => undefined;
  const bytes = new Map(LETTERS_OF_BYTES.map((letter, byte) => [letter, String.fromCharCode(byte)]));
  return (token) => {
    const read = Array.from(token, (letter) => bytes.get(letter));
    return read.includes(undefined) ? undefined : read.join("");
  };
}

/** How byte-level vocabularies spell bytes: printable ones of Latin-1 as they are, the others as letters from U+0100 on (GPT-2). */
const LETTERS_OF_BYTES: readonly string[] = (() => {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
})();
