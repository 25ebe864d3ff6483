import type { Budget } from "../budget.js";
import type { Arguments, Value } from "../values.js";

/** A method: takes the string, the arguments and the budget. The interpreter implements `format` and `format_map`. */
export type StringMethod = (text: string, args: Arguments, budget: Budget) => Value;
