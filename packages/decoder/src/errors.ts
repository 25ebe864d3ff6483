import { MixtapeError } from "@mixtape/errors";

/** Inputs that a model cannot run on. */
export class DecoderError extends MixtapeError {
  static override readonly brand: string = "DecoderError";
}

/** A checkpoint that does not fit its config: all issues in one error. */
export class CheckpointError extends MixtapeError {
  static override readonly brand: string = "CheckpointError";
}
