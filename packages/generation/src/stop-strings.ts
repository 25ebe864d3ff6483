/**
 * Watches a text that comes in pieces for strings that end it. What may be the beginning of such a string is held back, so
 * nothing of it is ever shown.
 */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = "";
  #found = false;

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Whether the text has ended. */
  get found(): boolean {
    return this.#found;
  }

  /** Takes the next piece, and returns the text that is now certain to come before any stop string. */
  push(piece: string): string {
    if (this.#found) return "";
    const text = this.#held + piece;
    const ends = this.#stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
    if (ends.length > 0) {
      this.#found = true;
      this.#held = "";
      return text.slice(0, Math.min(...ends));
    }
    const keep = Math.max(0, ...this.#stops.map((stop) => overlap(text, stop)));
    this.#held = text.slice(text.length - keep);
    return text.slice(0, text.length - keep);
  }

  /** The text that was held back, when no more comes. */
  end(): string {
    const rest = this.#held;
    this.#held = "";
    return rest;
  }
}

/** The length of the longest end of `text` that is a beginning of `stop`. */
function overlap(text: string, stop: string): number {
  for (let n = Math.min(text.length, stop.length - 1); n > 0; n--) if (text.endsWith(stop.slice(0, n))) return n;
  return 0;
}
