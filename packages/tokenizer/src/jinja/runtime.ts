import type { Budget } from "./budget.js";
import type { Arguments, Value } from "./values.js";

/** The part of a rendering that filters, tests and methods see. */
export interface Runtime {
  readonly budget: Budget;
  /** Whether it is inside `{% autoescape true %}`. */
  readonly autoescape: boolean;
  /** Time for `strftime_now`. */
  readonly now: () => Date;
  /** Applies a filter by name. */
  filter(name: string, value: Value, args: Arguments): Value;
  /** Applies a test by name. */
  test(name: string, value: Value, args: Arguments): Value;
}

export type Filter = (value: Value, args: Arguments, runtime: Runtime) => Value;
