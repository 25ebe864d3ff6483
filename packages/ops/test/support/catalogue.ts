import { ATTENTION } from "./attention-cases.js";
import type { OpEntry } from "./cases.js";
import { EXPERTS } from "./experts-cases.js";
import { OF_SEVERAL_OUTPUTS } from "./output-cases.js";
import { RECURRENCE } from "./recurrence-cases.js";
import { SIMPLE } from "./simple-cases.js";

/** Every op with the ways to use it. */
export const CATALOGUE: readonly OpEntry[] = [...SIMPLE, ...OF_SEVERAL_OUTPUTS, ATTENTION, ...RECURRENCE, ...EXPERTS];
