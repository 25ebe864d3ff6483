import { MixtapeError } from "@mixtape/errors";

/** A run was set up wrong, or cannot go on: no data, nothing that trains, a loss that is no number. */
export class TrainingError extends MixtapeError {
  static override readonly brand: string = "TrainingError";
}
