import { MixtapeError } from "@mixtape/errors";

/**
 * A regular expression that is invalid in its syntax, uses unsupported features, or is too large to match in bounded
 * time.
 */
export class RegexError extends MixtapeError {
  static override readonly brand: string = "RegexError";
}
