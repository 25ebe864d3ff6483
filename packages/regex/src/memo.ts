import { memoryError } from "./growing-stack.js";
import { MAX_MEMORY } from "./limits.js";

/** Outcome of a state that was not reached yet. */
const UNKNOWN = 0;
/**
 * Outcome of a state from which no match follows. All other outcomes are the end of the part that matched, plus one.
 */
export const FAILED = -1;

/**
 * Approximate outcomes per page: with many states a page covers fewer positions, so a short text needs little memory.
 */
const PAGE_SIZE = 16_384;
const MAX_PAGE_BITS = 6;

/** Stores outcomes by position and state, in pages that are allocated on first write. */
export class Memo {
  readonly #states: number;
  /** Positions per page, as a power of two. */
  readonly #bits: number;
  readonly #mask: number;
  readonly #pages: (Int32Array | undefined)[] = [];
  #allocated = 0;
  /** First page that was not freed. */
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

  /** Clears the outcomes of a position. */
  forget(position: number): void {
    const start = (position & this.#mask) * this.#states;
    this.#pages[position >>> this.#bits]?.fill(UNKNOWN, start, start + this.#states);
  }

  /** Frees the outcomes of the positions before one, which are not read any more. */
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
