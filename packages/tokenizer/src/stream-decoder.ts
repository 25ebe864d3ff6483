/** Decodes ids to text, one id at a time. */

const REPLACEMENT = "\uFFFD";

/** Kind of an id for a decoder: not shown, a byte of a character, or text. */
export type IdKind = "none" | "byte" | "text";

/** The part of a tokenizer that a {@link StreamDecoder} uses. */
export interface Decoding {
  decode(ids: readonly number[]): string;
  kindOf(id: number): IdKind;
  /** Whether later tokens leave the text of earlier ones unchanged, once an incomplete character is held back. */
  readonly local: boolean;
}

/**
 * Decodes ids one by one. The pieces, joined, equal `decode` of all ids at once, and no piece ends in the middle of a
 * character: a byte-level token may hold only a part of one, and then its text waits for the rest. Byte tokens
 * (`<0xE4>`) wait until a token of another kind follows: whether they are text depends on the whole run.
 *
 * A tokenizer whose decoder needs the whole text (CTC, BPE with word-end suffixes, WordPiece with clean-up) returns its
 * text on `end()`.
 *
 * Implementation: a decoder may treat the first token of a text differently (it strips a space), so new tokens are
 * decoded after a few old ones, and the new text is the difference. The old ones are those since the last position
 * where a character ended, provided that they have any text.
 */
export class StreamDecoder {
  readonly #decoding: Decoding;
  /** Ids that are decoded together. */
  #window: number[] = [];
  /** Length of the window's text that was returned already. */
  #given = 0;
  /** Index in the window of the first id after the last position where a character ended. */
  #fresh = 0;

  /** Use {@link Tokenizer.stream}. */
  constructor(decoding: Decoding) {
    this.#decoding = decoding;
  }

  /** Takes one id; returns the text that has become final, which may be empty. */
  push(id: number): string {
    const kind = this.#decoding.kindOf(id);
    if (kind === "none") return "";
    this.#window.push(id);
    // A run of byte tokens is one text or none, which is known at its end.
    if (!this.#decoding.local || kind === "byte") return "";
    const text = this.#decoding.decode(this.#window);
    const certain = text.endsWith(REPLACEMENT) ? text.length - REPLACEMENT.length : text.length;
    const piece = text.slice(this.#given, certain);
    this.#given = Math.max(this.#given, certain);
    if (certain === text.length) this.#slide();
    return piece;
  }

  /** Returns the text still held back, an incomplete character as U+FFFD, and resets the decoder. */
  end(): string {
    const piece = this.#window.length === 0 ? "" : this.#decoding.decode(this.#window).slice(this.#given);
    this.#window = [];
    this.#given = 0;
    this.#fresh = 0;
    return piece;
  }

  #slide(): void {
    const fresh = this.#window.slice(this.#fresh);
    const length = this.#decoding.decode(fresh).length;
    if (length > 0) {
      this.#window = fresh;
      this.#given = length;
    }
    this.#fresh = this.#window.length;
  }
}
