import { MixtapeError } from "@mixtape/errors";

/** The base of every error that this package throws. */
export class GgufError extends MixtapeError {
  static override readonly brand: string = "GgufError";
}

/** Bytes that are not a valid GGUF file: a hostile, damaged or truncated one. */
export class GgufFormatError extends GgufError {
  static override readonly brand: string = "GgufFormatError";
}

/** A valid file with an architecture, a tensor type or a tokenizer that is not supported. */
export class GgufUnsupportedError extends GgufError {
  static override readonly brand: string = "GgufUnsupportedError";
}
