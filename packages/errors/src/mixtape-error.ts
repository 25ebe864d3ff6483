/**
 * The base of every error that Mixtape throws.
 *
 * A message says where it happened, what was expected, what was found, and how to fix it: `model.safetensors: expected
 * a header of at most 100000000 bytes, got 9223372036854775807. Download the file again.`
 *
 * Each package derives its own classes. `instanceof` works across duplicate installs of a package: it looks for a brand
 * under a `Symbol.for` key, not for the prototype.
 */

import { type Fix, formatFix, formatWhere, type OptionSyntax, type OptionText } from "./option-syntax.js";
import { safeMessage } from "./safe-text.js";

const BRANDS = Symbol.for("mixtape.error.brands");

/** Parts of a {@link MixtapeError}'s message. */
export interface ErrorDetails {
  /** Location of the error: a file, a config key, a tensor, an argument, an option. */
  readonly where: string | OptionText;
  /** Expected value, as a noun phrase. */
  readonly expected: string;
  /** Actual value. */
  readonly got: string;
  /** Fix, as a sentence without its full stop; as {@link OptionText} if it names an option. */
  readonly fix?: Fix;
  /** Underlying error, if any. */
  readonly cause?: unknown;
}

/**
 * An error with the parts of its message as fields. The message is safe to show on a terminal, whatever the parts hold;
 * the fields are not escaped. Message and fields name options as in code; {@link messageFor} names them as its reader
 * sets them. Derived classes set `static override readonly brand`.
 */
export class MixtapeError extends Error {
  /** The name that `instanceof` compares. Unlike a class name, a minifier leaves it alone. */
  static readonly brand: string = "MixtapeError";

  readonly where: string;
  readonly expected: string;
  readonly got: string;
  readonly fix: string | undefined;
  /** The parts as they were given, for an error that wraps this one. */
  declare readonly details: ErrorDetails;

  constructor(details: ErrorDetails) {
    const { where, expected, got, fix, cause } = details;
    super(messageOf(details), cause === undefined ? {} : { cause });
    this.where = formatWhere(where);
    this.expected = expected;
    this.got = got;
    this.fix = formatFix(fix);
    this.name = new.target.brand;
    // Not enumerable: consoles show the fields once.
    Object.defineProperty(this, "details", { value: details });
    Object.defineProperty(this, BRANDS, { value: brandsOf(new.target) });
  }

  /** Formats the message for a reader who does not set options in code, but on a command line or in a form. */
  messageFor(syntax: OptionSyntax): string {
    return messageOf(this.details, syntax);
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return (
      typeof value === "object" && value !== null && BRANDS in value && (value[BRANDS] as string[]).includes(this.brand)
    );
  }
}

/** @param syntax default: that of code */
function messageOf({ where, expected, got, fix }: ErrorDetails, syntax?: OptionSyntax): string {
  const problem = sentence(safeMessage(`${formatWhere(where, syntax)}: expected ${expected}, got ${got}`));
  const advice = formatFix(fix, syntax);
  return `${problem}${advice ? sentence(safeMessage(advice)) : ""}`.trimEnd();
}

/** Adds a full stop, unless the text ends in punctuation or with a line of a list. More text can follow. */
function sentence(text: string): string {
  if (text.endsWith("\n")) return text;
  return /[.?!]$/.test(text) ? `${text} ` : `${text}. `;
}

/** Returns the brands of a class and of all its base classes. */
function brandsOf(leaf: typeof MixtapeError): string[] {
  const brands: string[] = [];
  for (let c: unknown = leaf; typeof c === "function" && "brand" in c; c = Object.getPrototypeOf(c))
    brands.push(String(c.brand));
  return brands;
}
