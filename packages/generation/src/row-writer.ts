import type { StreamDecoder, Tokenizer } from "@mixtape/tokenizer";
import { StopStrings } from "./stop-strings.js";
import { type ByteString, textOf, utf8 } from "./token-bytes.js";

/** A token whose text may still turn out to belong to a stop string. */
interface HeldToken {
  /** The text that became certain with it, special tokens left out. */
  readonly text: string;
  /** Where its bytes end in all that new tokens spell. */
  readonly end: number;
}

/**
 * Turns a row's new tokens into text, up to a stop string.
 *
 * Stop strings are looked for in what tokens spell, special tokens included, and the prompt's end counts: as in transformers'
 * `StopStringCriteria`. The text is what comes before, without special tokens.
 */
export class RowWriter {
  readonly #tokenizer: Tokenizer;
  readonly #bytesOf: (id: number) => ByteString;
  readonly #decoder: StreamDecoder;
  readonly #stops: StopStrings;
  readonly #ids: number[] = [];
  #held: HeldToken[] = [];
  /** How many bytes the new tokens spell, and how many of them come before any stop string for certain. */
  #length = 0;
  #certain: number;
  /** Text to be taken, and the length of what was taken. */
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
    // More tokens than a stop string has bytes say nothing of it.
    const longest = Math.max(0, ...strings.map((stop) => stop.length));
    const before = longest > 0 ? promptIds.slice(-longest).map(bytesOf).join("") : "";
    this.#stops = new StopStrings(strings, before);
    this.#certain = -this.#stops.held.length;
  }

  /** Takes a token. Returns whether a stop string has come. */
  push(id: number): boolean {
    const bytes = this.#bytesOf(id);
    this.#ids.push(id);
    this.#length += bytes.length;
    this.#held.push({ text: this.#decoder.push(id), end: this.#length });
    this.#certain += this.#stops.push(bytes).length;
    if (this.#stops.found) this.#finish();
    else this.#release(this.#certain);
    return this.#stops.found;
  }

  /** The text since the last call; with `last`, also what was held back. */
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

  /** Decodes the tokens up to the one in which the stop string begins, and takes from that one what belongs to the string. */
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
