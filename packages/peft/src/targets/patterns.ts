import { AdapterError } from "../errors.js";

/** A regular expression of a config, compiled. */
export interface Pattern {
  /** Whether all of a text matches, as Python's `re.fullmatch` has it. */
  fullMatch(text: string): boolean;
}

/**
 * Compiles a regular expression of a config.
 * @param where the key that has it, for errors
 * @throws {AdapterError} where it is none
 */
export function compilePattern(source: string, where: string): Pattern {
  try {
    const whole = new RegExp(`^(?:${source})$`);
    return { fullMatch: (text) => whole.test(text) };
  } catch (cause) {
    throw new AdapterError({ where, expected: "a regular expression", got: JSON.stringify(source), cause });
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
