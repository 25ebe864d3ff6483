import { compileRegex, RegexError } from "@mixtape/regex";
import { AdapterError } from "../errors.js";

/** A regular expression of a config, compiled. */
export interface Pattern {
  /** True if all of a text matches, as Python's `re.fullmatch` has it, in bounded time. */
  fullMatch(text: string): boolean;
}

/**
 * Compiles a regular expression of a config, in Python's syntax.
 * @param where the key that has it, for errors
 * @throws {AdapterError} where it is none, or one that cannot be matched in bounded time
 */
export function compilePattern(source: string, where: string): Pattern {
  const regex = typed(() => compileRegex(source, { syntax: "python" }), source, where);
  return { fullMatch: (text) => typed(() => regex.fullMatch(text), source, where) };
}

/** Runs `f`, whose errors become those of the adapter. */
function typed<T>(f: () => T, source: string, where: string): T {
  try {
    return f();
  } catch (cause) {
    if (!(cause instanceof RegexError)) throw cause;
    const got = source.length > 200 ? `${JSON.stringify(source.slice(0, 200))}…` : JSON.stringify(source);
    throw new AdapterError({ where, expected: `a regular expression of Python: ${cause.message}`, got, cause });
  }
}

/**
 * Looks up the value of a target in `rank_pattern` or `alpha_pattern`: that of the first key which is an end of one of its names,
 * as in peft's `get_pattern_key`.
 */
export class PatternTable {
  readonly #entries: readonly { readonly pattern: Pattern; readonly value: number }[];

  constructor(table: Readonly<Record<string, number>>, where: string) {
    this.#entries = Object.entries(table).map(([key, value]) => ({
      pattern: compilePattern(`(?:.*\\.)?(?:${key})`, where),
      value,
    }));
  }

  /** @param names all names of the target @returns undefined where no key matches */
  get(names: readonly string[]): number | undefined {
    return this.#entries.find(({ pattern }) => names.some((name) => pattern.fullMatch(name)))?.value;
  }
}
