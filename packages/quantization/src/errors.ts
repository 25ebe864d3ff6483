import { MixtapeError } from "@mixtape/errors";

/** A quantised checkpoint that cannot be read: an unsupported format, or tensors that contradict the config. */
export class QuantizationError extends MixtapeError {
  static override readonly brand: string = "QuantizationError";
}
