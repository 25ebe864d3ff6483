import { MixtapeError } from "@mixtape/errors";

/** An operation was given tensors or attributes that do not fit together. */
export class OpsError extends MixtapeError {
  static override readonly brand: string = "OpsError";
}
