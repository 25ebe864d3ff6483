import type { Budget } from "../budget.js";
import type { Arguments, Value } from "../values.js";

/** A method: it gets the string, the arguments and the budget. `format` and `format_map` are the interpreter's. */
export type StringMethod = (text: string, args: Arguments, budget: Budget) => Value;
