import type { Budget } from "./budget.js";
import type { Arguments, Value } from "./values.js";

/** What filters, tests and methods see of the rendering that calls them. */
export interface Runtime {
  readonly budget: Budget;
  /** Whether `{% autoescape true %}` is around. */
  readonly autoescape: boolean;
  /** The time that `strftime_now` prints. */
  readonly now: () => Date;
  /** Applies a filter by its name. */
  filter(name: string, value: Value, args: Arguments): Value;
  /** Applies a test by its name. */
  test(name: string, value: Value, args: Arguments): Value;
}

export type Filter = (value: Value, args: Arguments, runtime: Runtime) => Value;
