import { MixtapeError } from "@mixtape/errors";

/** Generation was asked for something that it cannot do: an empty prompt, an option outside its range. */
export class GenerationError extends MixtapeError {
  static override readonly brand: string = "GenerationError";
}
