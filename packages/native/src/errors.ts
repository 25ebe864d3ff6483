import { MixtapeError } from "@mixtape/errors";

/** The native engine does not load here, or was given what does not fit. */
export class NativeError extends MixtapeError {
  static override readonly brand: string = "NativeError";
}
