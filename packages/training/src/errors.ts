import { MixtapeError } from "@mixtape/errors";

/** A run was set up wrong, or cannot go on: no data, nothing that trains, a loss that is no number. */
export class TrainingError extends MixtapeError {
  static override readonly brand: string = "TrainingError";
}

/** A file or a row of texts to learn is not as it should be. It names the line. */
export class DataError extends TrainingError {
  static override readonly brand: string = "DataError";
}
