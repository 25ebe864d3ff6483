import { GenerationError } from "./generation-error.js";

/**
 * Watches a text that comes in pieces for strings that end it. What may be the beginning of such a string is held back, so
 * nothing of it is ever shown. The string that is complete first ends the text; of those complete at once, the longest: so
 * where the pieces are cut makes no difference.
 */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = "";
  #found = false;

  /** @throws {GenerationError} for a string without characters */
  constructor(stops: readonly string[]) {
    if (stops.includes("")) throw new GenerationError({ where: "stop", expected: "strings of some length", got: '""' });
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
    const found = this.#stops
      .map((stop) => ({ start: text.indexOf(stop), end: text.indexOf(stop) + stop.length }))
      .filter(({ start }) => start >= 0)
      .sort((a, b) => a.end - b.end || a.start - b.start);
    if (found[0]) {
      this.#found = true;
      this.#held = "";
      return text.slice(0, found[0].start);
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
