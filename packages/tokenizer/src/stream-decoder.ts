/** Ids to text, one id at a time. */

const REPLACEMENT = "\uFFFD";

/** What an id is to a decoder: nothing that is shown, a byte of a character, or text. */
export type IdKind = "none" | "byte" | "text";

/** What a {@link StreamDecoder} needs of a tokenizer. */
export interface Decoding {
  decode(ids: readonly number[]): string;
  kindOf(id: number): IdKind;
  /** Whether later tokens leave the text of earlier ones alone, once an incomplete character is held back. */
  readonly local: boolean;
}

/**
 * Decodes ids one by one. The pieces, joined, are what `decode` makes of all ids at once, and no piece ends in the middle of
 * a character: a byte-level token may hold only a part of one, and then its text waits for the rest. Byte tokens (`<0xE4>`)
 * wait until a token of another kind comes: whether they are text depends on all that follow each other.
 *
 * A tokenizer whose decoder looks at the whole text (CTC, BPE with word-end suffixes, WordPiece with clean-up) gives its
 * text on `end()`.
 *
 * How: a decoder may treat the first token of a text differently (it strips a space), so new tokens are decoded behind a
 * few old ones, and what is new is the difference. The old ones are those since the last place where a character ended,
 * provided that they have any text.
 */
export class StreamDecoder {
  readonly #decoding: Decoding;
  /** The ids that are decoded together. */
  #window: number[] = [];
  /** How much of the window's text was given out. */
  #given = 0;
  /** Where in the window the ids begin that came after the last place where a character ended. */
  #fresh = 0;

  /** Use {@link Tokenizer.stream}. */
  constructor(decoding: Decoding) {
    this.#decoding = decoding;
  }

  /** Takes one id; gives the text that has become certain, which may be empty. */
  push(id: number): string {
    const kind = this.#decoding.kindOf(id);
    if (kind === "none") return "";
    this.#window.push(id);
    // A run of byte tokens is one text or none: that shows at its end.
    if (!this.#decoding.local || kind === "byte") return "";
    const text = this.#decoding.decode(this.#window);
    const certain = text.endsWith(REPLACEMENT) ? text.length - REPLACEMENT.length : text.length;
    const piece = text.slice(this.#given, certain);
    this.#given = Math.max(this.#given, certain);
    if (certain === text.length) this.#slide();
    return piece;
  }

  /** Gives the text still held back, an incomplete character as U+FFFD, and starts anew. */
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
