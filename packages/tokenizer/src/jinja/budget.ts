import { BudgetError } from "./template-error.js";

/** Steps that any template may take: about a second's work. A real template takes some hundreds for each message. */
const BASE_STEPS = 4_000_000;
/** Steps for each value, and for each 16 characters, of the messages and other variables. */
const STEPS_PER_INPUT = 64;
/** Maximum length of a text, in UTF-16 code units. */
const MAX_TEXT = 2 ** 25;
/** Maximum bits of an integer. Python prints no integer of more than 4300 decimal digits, which have fewer. */
const MAX_BITS = 1_000_000;
/**
 * Maximum nesting of evaluations: expressions in expressions, macros in macros. Python's own limit is near 300 macros.
 */
const MAX_DEPTH = 1600;

/** Counts the cost of rendering a template, and aborts it beyond the limits. */
export class Budget {
  #steps: number;
  #depth = 0;

  /** @param inputSize Size of the variables: values, plus characters / 16 */
  constructor(inputSize = 0) {
    this.#steps = BASE_STEPS + STEPS_PER_INPUT * inputSize;
  }

  /** Spends steps; one for each value that is visited. */
  spend(steps = 1): void {
    this.#steps -= steps;
    if (!(this.#steps >= 0)) throw new BudgetError("it takes too many steps: an endless loop, or a very long one");
  }

  /**
   * Checks the length of a text before it is built, and spends its steps; `added` is the growth of an existing text.
   */
  text(length: number, added = length): void {
    if (!(length <= MAX_TEXT)) throw new BudgetError(`it builds a text of more than ${MAX_TEXT} characters`);
    this.spend(1 + added / 32);
  }

  /** Spends the worst case of a search for `needle` in `text`. */
  search(text: string, needle: string): void {
    this.spend(1 + (text.length / 32) * Math.max(1, needle.length / 32));
  }

  /** Checks the size of an integer before it is computed. */
  bits(bits: number): void {
    if (!(bits <= MAX_BITS)) throw new BudgetError(`it computes an integer of more than ${MAX_BITS} bits`);
    this.spend(1 + bits / 64);
  }

  /** Enters a nested level. Each call needs a `leave`, unless an error ends the rendering. */
  enter(): void {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH)
      throw new BudgetError("it nests too deeply: a macro that calls itself without end, for instance");
  }

  leave(): void {
    this.#depth -= 1;
  }
}
