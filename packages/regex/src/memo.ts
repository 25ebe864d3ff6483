import { memoryError } from "./growing-stack.js";
import { MAX_MEMORY } from "./limits.js";

/** The outcome of a state that was not reached yet. */
const UNKNOWN = 0;
/** No match follows. All other outcomes are the end of the part that matched, plus one. */
export const FAILED = -1;

/** Outcomes of a page, about: a page has fewer positions where there are many states, so that a short text needs little. */
const PAGE_SIZE = 16_384;
const MAX_PAGE_BITS = 6;

/** Remembers outcomes by position and state, in pages that are made when they are first written to. */
export class Memo {
  readonly #states: number;
  /** Positions of a page, as a power of two. */
  readonly #bits: number;
  readonly #mask: number;
  readonly #pages: (Int32Array | undefined)[] = [];
  #allocated = 0;
  /** The first page that was not freed. */
  #first = 0;

  /** @param states the number of states at one position */
  constructor(states: number) {
    this.#states = states;
    this.#bits = Math.min(MAX_PAGE_BITS, Math.max(0, Math.floor(Math.log2(PAGE_SIZE / Math.max(1, states)))));
    this.#mask = (1 << this.#bits) - 1;
  }

  get(state: number, position: number): number {
    const page = this.#pages[position >>> this.#bits];
    return page === undefined ? UNKNOWN : page[(position & this.#mask) * this.#states + state]!;
  }

  set(state: number, position: number, outcome: number): void {
    const page = this.#pages[position >>> this.#bits] ?? this.#allocate(position >>> this.#bits);
    page[(position & this.#mask) * this.#states + state] = outcome;
  }

  /** Forgets what is known of a position. */
  forget(position: number): void {
    const start = (position & this.#mask) * this.#states;
    this.#pages[position >>> this.#bits]?.fill(UNKNOWN, start, start + this.#states);
  }

  /** Frees what is known of the positions before one, which are not asked for any more. */
  release(position: number): void {
    for (const end = position >>> this.#bits; this.#first < end; this.#first++) {
      const page = this.#pages[this.#first];
      if (page === undefined) continue;
      this.#allocated -= page.byteLength;
      this.#pages[this.#first] = undefined;
    }
  }

  #allocate(index: number): Int32Array {
    const page = new Int32Array((this.#mask + 1) * this.#states);
    this.#allocated += page.byteLength;
    if (this.#allocated > MAX_MEMORY) throw memoryError();
    this.#pages[index] = page;
    return page;
  }
}
