import { memoryError } from "./growing-stack.js";
import { MAX_MEMORY } from "./limits.js";

/** The outcome of a state that was not reached yet. */
const UNKNOWN = 0;
/** No match follows. All other outcomes are the end of the part that matched, plus one. */
export const FAILED = -1;

const PAGE_BITS = 6;
const PAGE = 1 << PAGE_BITS;

/** Remembers outcomes by position and state, in pages that are made when they are first written to. */
export class Memo {
  readonly #states: number;
  readonly #pages: (Int32Array | undefined)[] = [];
  #allocated = 0;

  /** @param states the number of states at one position */
  constructor(states: number) {
    this.#states = states;
  }

  get(state: number, position: number): number {
    const page = this.#pages[position >>> PAGE_BITS];
    return page === undefined ? UNKNOWN : page[(position & (PAGE - 1)) * this.#states + state]!;
  }

  set(state: number, position: number, outcome: number): void {
    const page = this.#pages[position >>> PAGE_BITS] ?? this.#allocate(position >>> PAGE_BITS);
    page[(position & (PAGE - 1)) * this.#states + state] = outcome;
  }

  /** Forgets what is known of a position. */
  forget(position: number): void {
    const start = (position & (PAGE - 1)) * this.#states;
    this.#pages[position >>> PAGE_BITS]?.fill(UNKNOWN, start, start + this.#states);
  }

  /** Frees what is known of the positions before one, which are not asked for any more. */
  release(position: number): void {
    for (let index = (position >>> PAGE_BITS) - 1; index >= 0 && this.#pages[index] !== undefined; index--) {
      this.#allocated -= this.#pages[index]!.byteLength;
      this.#pages[index] = undefined;
    }
  }

  #allocate(index: number): Int32Array {
    const page = new Int32Array(PAGE * this.#states);
    this.#allocated += page.byteLength;
    if (this.#allocated > MAX_MEMORY) throw memoryError();
    this.#pages[index] = page;
    return page;
  }
}
