import { MixtapeError } from "@mixtape/errors";

/** Thrown for input that cannot be generated from, such as an empty prompt or an option out of range, and for a part of your own that fails. */
export class GenerationError extends MixtapeError {
  static override readonly brand: string = "GenerationError";
}
