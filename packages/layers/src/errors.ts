import { MixtapeError } from "@mixtape/errors";

/** A module used in a way that its shapes, its state or the engine does not allow. */
export class LayersError extends MixtapeError {
  static override readonly brand: string = "LayersError";
}
