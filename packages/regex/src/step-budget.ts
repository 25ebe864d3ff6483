import { STEPS, STEPS_PER_UNIT } from "./limits.js";
import { RegexError } from "./regex-error.js";

/** Steps that calls may take together: those of one budget share what each text has not used of its own. */
export class StepBudget {
  left = STEPS;
  #granted = STEPS;

  /** Adds the steps for a text of so many UTF-16 units. */
  grant(units: number): void {
    this.left += STEPS_PER_UNIT * units;
    this.#granted += STEPS_PER_UNIT * units;
  }

  /** The error of steps that are used up. */
  exhausted(): RegexError {
    return new RegexError({
      where: "regular expression",
      expected: `a match within ${this.#granted} steps`,
      got: "more",
      fix: "Use a simpler pattern or a shorter text",
    });
  }
}
