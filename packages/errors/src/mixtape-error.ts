/**
 * The base of every error that Mixtape throws.
 *
 * A message says where it happened, what was expected, what was found, and how to fix it: `model.safetensors: expected
 * a header of at most 100000000 bytes, got 9223372036854775807. Download the file again.`
 *
 * Each package derives its own classes. `instanceof` works across duplicate installs of a package: it looks for a brand
 * under a `Symbol.for` key, not for the prototype.
 */

import { safeMessage } from "./safe-text.js";

const BRANDS = Symbol.for("mixtape.error.brands");

/** Parts of a {@link MixtapeError}'s message. */
export interface ErrorDetails {
  /** Location of the error: a file, a config key, a tensor, an argument. */
  readonly where: string;
  /** Expected value, as a noun phrase. */
  readonly expected: string;
  /** Actual value. */
  readonly got: string;
  /** Fix, as a sentence without its full stop. */
  readonly fix?: string;
  /** Underlying error, if any. */
  readonly cause?: unknown;
}

/**
 * An error with the parts of its message as fields. The message is safe to show on a terminal, whatever the parts hold;
 * the fields are as they were given. Derived classes set `static override readonly brand`.
 */
export class MixtapeError extends Error {
  /** The name that `instanceof` compares. Unlike a class name, a minifier leaves it alone. */
  static readonly brand: string = "MixtapeError";

  readonly where: string;
  readonly expected: string;
  readonly got: string;
  readonly fix: string | undefined;

  constructor({ where, expected, got, fix, cause }: ErrorDetails) {
    const problem = sentence(safeMessage(`${where}: expected ${expected}, got ${got}`));
    const message = `${problem}${fix ? sentence(safeMessage(fix)) : ""}`;
    super(message.trimEnd(), cause === undefined ? {} : { cause });
    this.where = where;
    this.expected = expected;
    this.got = got;
    this.fix = fix;
    this.name = new.target.brand;
    Object.defineProperty(this, BRANDS, { value: brandsOf(new.target) });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return (
      typeof value === "object" && value !== null && BRANDS in value && (value[BRANDS] as string[]).includes(this.brand)
    );
  }
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
