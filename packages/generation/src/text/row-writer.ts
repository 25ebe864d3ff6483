import type { StreamDecoder, Tokenizer } from "@mixtape/tokenizer";
import type { RowText } from "../rows/generation-row.js";
import { StopStrings } from "../stopping/stop-strings.js";
import { type ByteString, textOf, utf8 } from "./token-bytes.js";

/** A token whose text may still belong to a stop string. */
interface HeldToken {
  /** Text that its bytes complete, without special tokens. */
  readonly text: string;
  /** Offset of its end in the bytes of the new tokens. */
  readonly end: number;
}

/**
 * Turns a row's new tokens into text, up to a stop string.
 *
 * Stop strings are found in the text that tokens spell, special tokens and the end of the prompt included, as in transformers'
 * `StopStringCriteria`. The row's text is the part before it, without special tokens.
 */
export class RowWriter implements RowText {
  readonly #tokenizer: Tokenizer;
  readonly #bytesOf: (id: number) => ByteString;
  readonly #decoder: StreamDecoder;
  readonly #strings: readonly string[];
  readonly #stops: StopStrings;
  readonly #ids: number[] = [];
  #held: HeldToken[] = [];
  /** Number of bytes of the new tokens, and of those that come before any stop string for certain. */
  #length = 0;
  #certain: number;
  /** Text of all tokens, that held back included. */
  #all = "";
  /** Text to be taken, and the length of the text that was taken. */
  #text = "";
  #taken = 0;

  constructor(
    tokenizer: Tokenizer,
    bytesOf: (id: number) => ByteString,
    stops: readonly string[],
    promptIds: readonly number[],
  ) {
    this.#tokenizer = tokenizer;
    this.#bytesOf = bytesOf;
    this.#decoder = tokenizer.stream({ skipSpecialTokens: true });
    const strings = stops.map(utf8);
    // A stop string begins at most as many tokens ago as it has bytes.
    const longest = Math.max(0, ...strings.map((stop) => stop.length));
    const before = longest > 0 ? promptIds.slice(-longest).map(bytesOf).join("") : "";
    this.#strings = stops;
    this.#stops = new StopStrings(strings, before);
    this.#certain = -this.#stops.held.length;
  }

  /** Text of the new tokens so far, that held back included. */
  get text(): string {
    return this.#all;
  }

  /** Adds a token. Returns the stop string that it completes. */
  push(id: number): string | undefined {
    const bytes = this.#bytesOf(id);
    const text = this.#decoder.push(id);
    this.#ids.push(id);
    this.#all += text;
    this.#length += bytes.length;
    this.#held.push({ text, end: this.#length });
    this.#certain += this.#stops.push(bytes).length;
    if (this.#stops.found) this.#finish();
    else this.#release(this.#certain);
    const { match } = this.#stops;
    return match === undefined ? undefined : this.#strings.find((stop) => utf8(stop) === match);
  }

  /** Returns the text since the last call; with `last`, also the text that was held back. */
  take(last: boolean): string {
    if (last && !this.#stops.found) {
      this.#release(Infinity);
      this.#text += this.#decoder.end();
    }
    const text = this.#text;
    this.#taken += text.length;
    this.#text = "";
    return text;
  }

  #release(certain: number): void {
    while (this.#held[0] && this.#held[0].end <= certain) this.#text += this.#held.shift()!.text;
  }

  /** Decodes the tokens up to the one in which the stop string begins, and cuts the string's part off that one. */
  #finish(): void {
    const begin = Math.max(0, this.#certain);
    let end = 0;
    let kept = 0;
    while (kept < this.#ids.length && end < begin) end += this.#bytesOf(this.#ids[kept++]!).length;
    const text = this.#tokenizer.decode(this.#ids.slice(0, kept), { skipSpecialTokens: true });
    const cut = begin < end && this.#isShown(this.#ids[kept - 1]!) ? end - begin : 0;
    const dropped = cut > 0 ? textOf(this.#bytesOf(this.#ids[kept - 1]!).slice(-cut)).length : 0;
    const before = this.#taken + this.#text.length;
    this.#text += text.slice(before, Math.max(before, text.length - dropped));
    this.#held = [];
  }

  #isShown(id: number): boolean {
    return this.#tokenizer.decode([id], { skipSpecialTokens: true }) !== "" || this.#tokenizer.decode([id]) === "";
  }
}
