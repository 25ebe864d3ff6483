import { STEPS, STEPS_PER_UNIT } from "./limits.js";
import { RegexError } from "./regex-error.js";

/** Steps shared by several calls: steps that one text does not use are available to the others. */
export class StepBudget {
  left = STEPS;
  #granted = STEPS;

  /** Adds the steps for a text of `units` UTF-16 units. */
  grant(units: number): void {
    this.left += STEPS_PER_UNIT * units;
    this.#granted += STEPS_PER_UNIT * units;
  }

  /** Creates the error for an exhausted budget. */
  exhausted(): RegexError {
    return new RegexError({
      where: "regular expression",
      expected: `a match within ${this.#granted} steps`,
      got: "more",
      fix: "Use a simpler pattern or a shorter text",
    });
  }
}
