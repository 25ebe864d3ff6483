import { StepBudget } from "@mixtape/regex";
import { TokenizerError } from "../tokenizer-error.js";

/**
 * Units that the stages may add to any text; each unit of the text adds more: one of Unicode's characters has a
 * compatibility form of 18.
 */
const GROWTH = 10_000;
const GROWTH_PER_UNIT = 32;
/** Maximum units of joined tokens: JavaScript strings end not far beyond. */
const MAX_TEXT = 2 ** 28;

/**
 * Limits on the stages of a tokenizer for one text: a file can ask to insert a text between all characters of another,
 * several times, and to search each piece for thousands of words.
 */
export class Budget {
  /** Steps of regular expressions. */
  readonly steps = new StepBudget();
  readonly #where: string;
  readonly #units: number;
  #left: number;

  /**
   * @param where the parts of the file that spend it
   * @param units the length of the text
   * @throws {TokenizerError} for a text that is too long
   */
  constructor(where: string, units: number) {
    this.#where = where;
    this.#units = units;
    this.#left = GROWTH + GROWTH_PER_UNIT * units;
    if (units > MAX_TEXT)
      throw new TokenizerError({ where, expected: `at most ${MAX_TEXT} characters`, got: String(units) });
  }

  /**
   * Charges the units that a stage adds to the text; nothing if it becomes shorter.
   * @throws {TokenizerError} beyond the limit
   */
  grow(units: number): void {
    this.check(units);
    if (units > 0) this.#left -= units;
  }

  /** Throws where {@link grow} would, without charging. */
  check(units: number): void {
    if (units <= this.#left) return;
    const most = GROWTH + GROWTH_PER_UNIT * this.#units;
    throw new TokenizerError({
      where: this.#where,
      expected: `at most ${most} characters added to a text of ${this.#units}`,
      got: "more",
      fix: "Use shorter texts in Prepend and Replace, or remove some of these parts",
    });
  }
}
