import { MixtapeError } from "@mixtape/errors";

/** An adapter was asked for, used, saved or loaded in a way that it or its model does not allow. */
export class AdapterError extends MixtapeError {
  static override readonly brand: string = "AdapterError";
}
