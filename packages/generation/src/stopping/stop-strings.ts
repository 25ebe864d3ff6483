import { GenerationError } from "../generation-error.js";
import { kindOf } from "../prompts.js";

/**
 * Finds strings that end a text, in a text that comes in pieces. Text that may be the beginning of such a string is held back. The
 * string that is complete first ends the text; of those complete at once, the longest. The result does not depend on how the text is
 * cut into pieces.
 */
export class StopStrings {
  readonly #stops: readonly string[];
  #held: string;
  #match: string | undefined;

  /**
   * @param before text before the first piece: a string may begin in it, but not end
   * @throws {GenerationError} for anything else than strings of at least one character
   */
  constructor(stops: readonly string[], before = "") {
    checkStops(stops);
    checkText("StopStrings: before", before);
    this.#stops = stops;
    this.#held = this.#beginning(before);
  }

  /** Whether the text has ended. */
  get found(): boolean {
    return this.#match !== undefined;
  }

  /** The string that ended the text. */
  get match(): string | undefined {
    return this.#match;
  }

  /** The text that is held back. */
  get held(): string {
    return this.#held;
  }

  /** Adds a piece. Returns the text that now comes before any stop string for certain. */
  push(piece: string): string {
    checkText("StopStrings.push", piece);
    if (this.found) return "";
    const text = this.#held + piece;
    const found = this.#stops
      .map((stop) => {
        // It ends in the new piece.
        const start = text.indexOf(stop, Math.max(0, this.#held.length - stop.length + 1));
        return { stop, start, end: start + stop.length };
      })
      .filter(({ start }) => start >= 0)
      .sort((a, b) => a.end - b.end || a.start - b.start);
    if (found[0]) {
      this.#match = found[0].stop;
      this.#held = "";
      return text.slice(0, found[0].start);
    }
    this.#held = this.#beginning(text);
    return text.slice(0, text.length - this.#held.length);
  }

  /** Ends the text. Returns the text that was held back. */
  end(): string {
    const rest = this.#held;
    this.#held = "";
    return rest;
  }

  /** Returns the longest end of a text that a string may begin with. */
  #beginning(text: string): string {
    const keep = Math.max(0, ...this.#stops.map((stop) => overlap(text, stop)));
    return text.slice(text.length - keep);
  }
}

/** @throws {GenerationError} for anything else than a list of strings of at least one character */
export function checkStops(stops: unknown): void {
  const isStop = (stop: unknown): boolean => typeof stop === "string" && stop !== "";
  if (Array.isArray(stops) && stops.every(isStop)) return;
  const wrong: unknown = Array.isArray(stops) ? stops.find((stop) => !isStop(stop)) : stops;
  const got = JSON.stringify(wrong) ?? "undefined";
  throw new GenerationError({ where: { option: "stop" }, expected: "strings of at least one character", got });
}

/** Returns the length of the longest end of `text` that is a beginning of `stop`. */
function overlap(text: string, stop: string): number {
  for (let n = Math.min(text.length, stop.length - 1); n > 0; n--) if (text.endsWith(stop.slice(0, n))) return n;
  return 0;
}

/** @throws {GenerationError} for anything else than a string */
function checkText(where: string, text: unknown): void {
  if (typeof text === "string") return;
  throw new GenerationError({ where, expected: "a text", got: kindOf(text) });
}
