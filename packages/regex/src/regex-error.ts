import { MixtapeError } from "@mixtape/errors";

/** A regular expression that is not valid in its syntax, uses what is not supported, or is too large to match in bounded time. */
export class RegexError extends MixtapeError {
  static override readonly brand: string = "RegexError";
}
