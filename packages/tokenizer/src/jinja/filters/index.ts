import type { Filter } from "../runtime.js";
import { SEQUENCE_FILTERS } from "./sequence-filters.js";
import { TEXT_FILTERS } from "./text-filters.js";
import { VALUE_FILTERS } from "./value-filters.js";

/** All filters of Jinja2 3.1, with transformers' `tojson`. */
export const FILTERS: ReadonlyMap<string, Filter> = new Map([...SEQUENCE_FILTERS, ...TEXT_FILTERS, ...VALUE_FILTERS]);
