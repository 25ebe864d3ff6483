/**
 * Options in the messages of errors. Advice such as "set the option, or load without the key" reads differently in code
 * (`options.topP`, `ignore: ["top_p"]`) and on a command line (`--top-p`, `--ignore top_p`). An error keeps the options that
 * its message names as data, and whoever shows the error chooses their syntax.
 */

/**
 * Formats an option as the reader of an error sets it.
 * @param name name in code, such as `topP`
 * @param value value to set, where the text is about one
 * @returns undefined if the reader cannot set it
 */
export type OptionSyntax = (name: string, value?: unknown) => string | undefined;

/** Text that names an option. */
export interface OptionText {
  /** Name of the option in code. */
  readonly option: string;
  /** Value to set, where the text is about one. */
  readonly value?: unknown;
  /** Returns the text around the option. Default: the option alone. */
  readonly text?: (option: string) => string;
}

/**
 * Advice on how to fix an error: a sentence without its full stop; or a list of alternatives, each of which begins with a verb
 * in lower case. Advice that needs an option which the reader cannot set is left out.
 */
export type Fix = string | OptionText | readonly (string | OptionText)[];

/** Formats options as in code. */
const inCode: OptionSyntax = (name, value) =>
  value === undefined ? `options.${name}` : `${name}: ${JSON.stringify(value)}`;

/**
 * Formats advice.
 * @param syntax default: that of code
 * @returns undefined if there is none, or none that the reader can follow
 */
export function formatFix(fix: Fix | undefined, syntax: OptionSyntax = inCode): string | undefined {
  if (fix === undefined || fix === null) return undefined;
  if (isSingle(fix)) return textOf(fix, syntax);
  const text = fix.flatMap((one) => textOf(one, syntax) ?? []).join(", or ");
  return text === "" ? undefined : text.charAt(0).toUpperCase() + text.slice(1);
}

/** Formats the location of an error. An option that the reader cannot set has its name in code. */
export function formatWhere(where: string | OptionText, syntax?: OptionSyntax): string {
  return textOf(where, (name) => syntax?.(name) ?? name)!;
}

/**
 * Renames options in advice, for a function that wraps the errors of another one whose options it passes on.
 * @param names new names by old ones
 */
export function renameOptions(fix: Fix, names: Readonly<Record<string, string>>): Fix {
  const renamed = (one: string | OptionText): string | OptionText =>
    typeof one === "string" ? one : { ...one, option: names[one.option] ?? one.option };
  return isSingle(fix) ? renamed(fix) : fix.map(renamed);
}

function isSingle(fix: Fix): fix is string | OptionText {
  return !Array.isArray(fix);
}

function textOf(part: string | OptionText, syntax: OptionSyntax): string | undefined {
  // JavaScript passes anything as the name of a location.
  if (typeof part !== "object" || part === null) return String(part);
  const option = syntax(part.option, part.value);
  return option === undefined ? undefined : (part.text?.(option) ?? option);
}
