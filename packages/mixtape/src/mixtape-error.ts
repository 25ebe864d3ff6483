import { MixtapeError } from "@mixtape/errors";

/** No family is registered for a checkpoint's `model_type`. */
export class UnknownFamilyError extends MixtapeError {
  static override readonly brand: string = "UnknownFamilyError";
}

/** A model does not fit into the memory of the engine in use. */
export class ModelTooLargeError extends MixtapeError {
  static override readonly brand: string = "ModelTooLargeError";
}

/** A checkpoint's `architectures` names no known head. */
export class UnknownArchitectureError extends MixtapeError {
  static override readonly brand: string = "UnknownArchitectureError";
}
