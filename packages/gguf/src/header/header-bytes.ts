import { GgufFormatError } from "../errors.js";

/** Thrown where the loaded bytes end: the caller loads more and parses the item again. */
export class NeedsBytes {
  /** @param end how many bytes from the beginning of the file are needed */
  constructor(readonly end: number) {}
}

/** Far above the header of any model: 150,000 tokens and as many merges take 7 MB. */
const MAX_HEADER_BYTES = 128 * 2 ** 20;

const MAX_STRING_BYTES = 16 * 2 ** 20;

/**
 * A cursor over the first bytes of a file. Every length is held against the size of the file before anything is
 * allocated for it.
 */
export class HeaderBytes {
  at = 0;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(
    /** Name of the file for errors. */
    readonly where: string,
    /** Size of the file in bytes. */
    readonly fileBytes: number,
  ) {}

  get loaded(): Uint8Array {
    return this.#bytes;
  }

  set loaded(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /**
   * Reserves `count` items of `size` bytes each at the cursor.
   * @throws {GgufFormatError} if the file is too short for them, or the header would be too long
   * @throws NeedsBytes if they are not loaded yet
   */
  #require(count: number, size: number, what: string): void {
    const end = this.at + count * size;
    if (end > this.fileBytes)
      throw new GgufFormatError({
        where: this.where,
        expected: `${what} within the ${this.fileBytes} bytes of the file`,
        got: `${count * size} bytes at ${this.at}`,
        fix: "Download the file again: it is truncated or damaged",
      });
    if (end > MAX_HEADER_BYTES)
      throw new GgufFormatError({
        where: this.where,
        expected: `a header of at most ${MAX_HEADER_BYTES} bytes`,
        got: `${what} that ends at ${end}`,
      });
    if (end > this.#bytes.length) throw new NeedsBytes(end);
  }

  /** Checks that `count` items of at least `size` bytes can follow. */
  checkCount(count: number, size: number, what: string): void {
    const most = Math.floor((Math.min(this.fileBytes, MAX_HEADER_BYTES) - this.at) / size);
    if (count > most)
      throw new GgufFormatError({
        where: this.where,
        expected: `at most ${Math.max(0, most)} ${what}, as many as the rest of the header can hold`,
        got: `${count}`,
        fix: "This is not a GGUF file, or it is damaged",
      });
  }

  bytes(length: number, what: string): Uint8Array {
    this.#require(length, 1, what);
    const { at } = this;
    this.at += length;
    return this.#bytes.slice(at, this.at);
  }

  u8(): number {
    this.#require(1, 1, "a number");
    return this.#bytes[this.at++]!;
  }

  u32(): number {
    this.#require(1, 4, "a number");
    this.at += 4;
    return this.#view.getUint32(this.at - 4, true);
  }

  u64(): bigint {
    this.#require(1, 8, "a number");
    this.at += 8;
    return this.#view.getBigUint64(this.at - 8, true);
  }

  /** Reads a count or a size of 64 bits. */
  length(what: string): number {
    const value = this.u64();
    if (value <= Number.MAX_SAFE_INTEGER) return Number(value);
    throw new GgufFormatError({
      where: this.where,
      expected: `${what} below 2^53`,
      got: `${value}`,
      fix: "This is not a GGUF file, or it is damaged",
    });
  }

  /** Reads text. Bytes that are not UTF-8 become U+FFFD. */
  string(what: string): string {
    const length = this.#text(what);
    const from = this.at - length;
    return shortText(this.#bytes, from, this.at) ?? this.#decoder.decode(this.#bytes.subarray(from, this.at));
  }

  /** Reads a name, which must be UTF-8. */
  name(what: string): string {
    const length = this.#text(what);
    try {
      return this.#strict.decode(this.#bytes.subarray(this.at - length, this.at));
    } catch (cause) {
      throw new GgufFormatError({ where: this.where, expected: `${what} in UTF-8`, got: "invalid bytes", cause });
    }
  }

  /** Moves the cursor behind a text, and returns its length in bytes. */
  #text(what: string): number {
    const length = this.#textLength(what);
    if (length > MAX_STRING_BYTES)
      throw new GgufFormatError({
        where: this.where,
        expected: `${what} of at most ${MAX_STRING_BYTES} bytes`,
        got: `${length}`,
        fix: "This is not a GGUF file, or it is damaged",
      });
    this.#require(length, 1, what);
    this.at += length;
    return length;
  }

  /** As `length`, without a number of 64 bits for each of a million texts. */
  #textLength(what: string): number {
    this.#require(1, 8, "a number");
    if (this.#view.getUint32(this.at + 4, true) !== 0) return this.length(`the length of ${what}`);
    this.at += 8;
    return this.#view.getUint32(this.at - 8, true);
  }
}

/** Bytes of a short text. */
const MAX_SHORT = 64;
const codes: number[] = [];

/**
 * Decodes a short text of one or two bytes a character, as most tokens and merges are, several times faster than a decoder.
 * Undefined for others, and for bytes that are not UTF-8.
 */
function shortText(bytes: Uint8Array, from: number, to: number): string | undefined {
  if (to - from > MAX_SHORT) return undefined;
  codes.length = 0;
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!;
    if (byte < 0x80) {
      codes.push(byte);
      continue;
    }
    const next = i + 1 < to ? bytes[++i]! : 0;
    if (byte < 0xc2 || byte > 0xdf || (next & 0xc0) !== 0x80) return undefined;
    codes.push(((byte & 0x1f) << 6) | (next & 0x3f));
  }
  return String.fromCharCode.apply(null, codes);
}
