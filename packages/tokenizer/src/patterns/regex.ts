import { compileRegex, type Regex } from "@mixtape/regex";
import type { FindMatches } from "../text/split.js";
import { messageOf, TokenizerError } from "../tokenizer-error.js";

/**
 * Returns the matches of a regular expression in Oniguruma's syntax, in time bounded by pattern times text.
 * @throws {TokenizerError} for a pattern that is invalid, or that cannot be matched in bounded time
 */
export function regexMatches(source: string, where: string): FindMatches {
  const regex = compile(source, where);
  return (text, { steps }) => {
    const matches: number[] = [];
    for (const { start, end } of regex.matchAll(text, steps)) matches.push(start, end);
    return matches;
  };
}

function compile(source: string, where: string): Regex {
  try {
    return compileRegex(source, { syntax: "oniguruma" });
  } catch (cause) {
    throw new TokenizerError({
      where,
      expected: "a regular expression that runs in bounded time",
      got: messageOf(cause),
      cause,
    });
  }
}
