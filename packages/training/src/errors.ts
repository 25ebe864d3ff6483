import { MixtapeError } from "@mixtape/errors";

/**
 * A run with invalid inputs, or one that cannot continue: no data, no trainable parameters, a loss that is not finite.
 */
export class TrainingError extends MixtapeError {
  static override readonly brand: string = "TrainingError";
}

/** An invalid file or row of training texts. It names the line. */
export class DataError extends TrainingError {
  static override readonly brand: string = "DataError";
}
