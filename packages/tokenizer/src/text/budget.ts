import { StepBudget } from "@mixtape/regex";
import { TokenizerError } from "../tokenizer-error.js";

/** Units that the stages may add to any text, and more for each unit of it: one of Unicode's characters has a compatible form of 18. */
const GROWTH = 10_000;
const GROWTH_PER_UNIT = 32;
/** Units that tokens may come to when they are joined: an engine's texts end not far beyond. */
const MAX_TEXT = 2 ** 28;

/**
 * What the stages of a tokenizer may spend on one text: a file can say that a text is to be put between all characters of
 * another, several times, and that each piece is to be searched for thousands of words.
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
   * @throws {TokenizerError} for a text that is too long to be worked on
   */
  constructor(where: string, units: number) {
    this.#where = where;
    this.#units = units;
    this.#left = GROWTH + GROWTH_PER_UNIT * units;
    if (units > MAX_TEXT)
      throw new TokenizerError({ where, expected: `at most ${MAX_TEXT} characters`, got: String(units) });
  }

  /**
   * Takes so many units that a stage adds to the text; none where it becomes shorter.
   * @throws {TokenizerError} beyond what the text may grow to
   */
  grow(units: number): void {
    this.check(units);
    if (units > 0) this.#left -= units;
  }

  /** Throws where {@link grow} would, and takes nothing. */
  check(units: number): void {
    if (units <= this.#left) return;
    const most = GROWTH + GROWTH_PER_UNIT * this.#units;
    throw new TokenizerError({
      where: this.#where,
      expected: `at most ${most} characters added to a text of ${this.#units}`,
      got: "more",
      fix: "Put shorter texts into Prepend and Replace, or take some of these parts out",
    });
  }
}
