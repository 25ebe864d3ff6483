import { MixtapeError } from "./mixtape-error.js";

/** An unknown option, or one of the wrong type. */
export class OptionError extends MixtapeError {
  static override readonly brand: string = "OptionError";
}

/**
 * Names of all options of a type. `const NAMES: OptionNames<Options> = { seed: true }` compiles only while names and
 * type agree: a missing name is an error, and so is an extra one.
 */
export type OptionNames<O extends object> = { readonly [Name in keyof Required<O>]: true };

/**
 * Refuses unknown options: a misspelt one would otherwise be ignored silently. TypeScript checks this where options are
 * written in the call; JavaScript never does.
 *
 * @param where the function, such as `generateText`
 * @param names the known options
 * @throws {OptionError} naming the unknown option and the known one that it resembles; or if the options are not an
 *   object
 */
export function checkOptions<O extends object>(where: string, options: O, names: OptionNames<O>): void {
  const known = Object.keys(names);
  if (typeof options !== "object" || options === null)
    throw new OptionError({ where, expected: `an object of options: ${known.join(", ")}`, got: show(options) });
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (unknown === undefined) return;
  const near = nearest(unknown, known);
  throw new OptionError({
    where,
    expected: `options among ${known.join(", ")}`,
    got: unknown,
    fix: near === undefined ? "Leave it out" : `Did you mean ${near}?`,
  });
}

/** Type of an option, for options whose wrong value would otherwise fail somewhere else. */
export type OptionType = "function" | "boolean" | "integer" | "signal" | "strings" | "object";

const OPTION_TYPES: Readonly<Record<OptionType, readonly [fits: (value: unknown) => boolean, expected: string]>> = {
  function: [(value) => typeof value === "function", "a function"],
  integer: [Number.isSafeInteger, "a whole number"],
  boolean: [(value) => typeof value === "boolean", "true or false"],
  signal: [(value) => isObject(value) && "aborted" in value && "throwIfAborted" in value, "an AbortSignal"],
  strings: [(value) => Array.isArray(value) && value.every((one) => typeof one === "string"), "a list of strings"],
  object: [isObject, "an object"],
};

/**
 * Refuses options of the wrong type, which TypeScript checks and JavaScript does not.
 * @param types types of the options to check; undefined values pass
 * @throws {OptionError} naming the option
 */
export function checkOptionTypes<O extends object>(
  where: string,
  options: O,
  types: { readonly [Name in keyof O]?: OptionType },
): void {
  for (const [name, type] of Object.entries(types) as [keyof O & string, OptionType][]) {
    const value = options[name];
    const [fits, expected] = OPTION_TYPES[type];
    if (value !== undefined && !fits(value))
      throw new OptionError({ where: `${where}: ${name}`, expected, got: show(value) });
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/**
 * Returns the known name that a misspelt one was probably meant to be: the one with the smallest edit distance, below
 * half its length; otherwise one that contains it, or is contained in it.
 */
function nearest(name: string, known: readonly string[]): string | undefined {
  const letters = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, "");
  const distances = known.map((other) => distance(letters(name), letters(other)) / Math.max(name.length, other.length));
  const least = Math.min(...distances);
  if (least < 0.5) return known[distances.indexOf(least)];
  const own = letters(name);
  return known.find((other) => own !== "" && (own.includes(letters(other)) || letters(other).includes(own)));
}

/** Returns the edit distance of two texts (Levenshtein 1966). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++)
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (letter === b[j] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
