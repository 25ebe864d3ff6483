import { MixtapeError } from "@mixtape/errors";

/** A model was given inputs that it cannot run on. */
export class DecoderError extends MixtapeError {
  static override readonly brand: string = "DecoderError";
}

/** A checkpoint does not fit its config: everything that is wrong with it, in one error. */
export class CheckpointError extends MixtapeError {
  static override readonly brand: string = "CheckpointError";
}
