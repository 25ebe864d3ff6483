/** The patterns of `Split` and `Replace`: a fixed text, or a regular expression in Oniguruma's syntax. */

import type { Fields } from "../fields.js";
import { badValue, isObject } from "../fields.js";
import { type FindMatches, matchString } from "../text/split.js";
import { knownPattern } from "./known-patterns.js";
import { regexMatches } from "./regex.js";

/** Reads `pattern`: `{ "String": … }` or `{ "Regex": … }`. */
export function readPattern(fields: Fields): FindMatches {
  const pattern = fields.get("pattern");
  const where = fields.at("pattern");
  if (isObject(pattern) && Object.keys(pattern).length === 1) {
    if (typeof pattern.String === "string") return matchString(pattern.String);
    if (typeof pattern.Regex === "string") return knownPattern(pattern.Regex) ?? regexMatches(pattern.Regex, where);
  }
  throw badValue(where, '{ "String": … } or { "Regex": … }', pattern);
}
