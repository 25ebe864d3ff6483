import type { Tokenizer } from "@mixtape/tokenizer";
import { GenerationError } from "../generation-error.js";
import { kindOf } from "../prompts.js";

/** Bytes as a string of one character each, U+0000 to U+00FF, so that the methods of strings search them. */
export type ByteString = string;

/** Encodes a text in UTF-8. */
export function utf8(text: string): ByteString {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}

/** Decodes UTF-8. Invalid bytes become U+FFFD. */
export function textOf(bytes: ByteString): string {
  return new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
}

/** A byte that UTF-8 never has, for ids without a token. */
const NO_BYTE = "\xff";

/** A text to decode tokens after, so that none is taken for the start of a text. */
const BEFORE = "abcdef";

/**
 * Returns a function from a token to the bytes that it adds to a text, special tokens by their names: as transformers'
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

/**
 * Returns a function from a token to the text that it adds to others, special tokens by their names; bytes that are not a whole
 * character become U+FFFD. For lists of tokens: a text is decoded as a whole.
 * @throws {GenerationError} for anything else than a tokenizer
 */
export function tokenTexts(tokenizer: Tokenizer): (id: number) => string {
  if (typeof (tokenizer as Partial<Tokenizer> | undefined)?.encode !== "function")
    throw new GenerationError({ where: "tokenTexts", expected: "a Tokenizer", got: kindOf(tokenizer) });
  const bytesOf = tokenBytes(tokenizer);
  return (id) => textOf(bytesOf(id));
}

/** Returns a function that reads tokens spelled as bytes in the vocabulary; undefined for other tokens. */
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

/** Letters of bytes in byte-level vocabularies: printable ones of Latin-1 themselves, the others from U+0100 on (GPT-2). */
const LETTERS_OF_BYTES: readonly string[] = (() => {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
})();
