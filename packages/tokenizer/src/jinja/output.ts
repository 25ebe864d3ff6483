import type { Budget } from "./budget.js";
import type { Dict } from "./values.js";

/** A piece of the rendered text, and the message in whose loop iteration it was written. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  readonly subject: Dict | null;
  /** Whether the piece is the template's own text; otherwise it was computed. */
  readonly literal: boolean;
}

/** Output of a template, a macro or a block. */
export class Output {
  readonly #parts: string[] = [];
  readonly #budget: Budget;
  #length = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  get length(): number {
    return this.#length;
  }

  write(text: string, _subject: Dict | null = null, _literal = false): void {
    if (text === "") return;
    this.#length += text.length;
    this.#budget.text(this.#length, text.length);
    this.#parts.push(text);
  }

  toString(): string {
    return this.#parts.join("");
  }
}

/** Output of a template as a whole: it records the message that each piece belongs to. */
export class TracedOutput extends Output {
  readonly pieces: Piece[] = [];

  override write(text: string, subject: Dict | null = null, literal = false): void {
    const start = this.length;
    super.write(text);
    if (text !== "") this.pieces.push({ start, end: this.length, subject, literal });
  }
}
