import { MixtapeError } from "@mixtape/errors";

/** The base of every error that this package throws. */
export class SafetensorsError extends MixtapeError {
  static override readonly brand: string = "SafetensorsError";
}

/** Bytes that are not a valid safetensors file: a hostile, damaged or truncated one. */
export class SafetensorsFormatError extends SafetensorsError {
  static override readonly brand: string = "SafetensorsFormatError";
}

/** A sharded checkpoint whose index is invalid, or whose index and shards disagree. */
export class SafetensorsIndexError extends SafetensorsError {
  static override readonly brand: string = "SafetensorsIndexError";
}

/** Bytes that could not be read: a missing file, a refused request, a server that ignores ranges, a closed source. */
export class SafetensorsReadError extends SafetensorsError {
  static override readonly brand: string = "SafetensorsReadError";
}

/** A file or folder that does not exist. */
export class SafetensorsNotFoundError extends SafetensorsReadError {
  static override readonly brand: string = "SafetensorsNotFoundError";
}

/** A file could not be written, renamed or deleted. */
export class SafetensorsWriteError extends SafetensorsError {
  static override readonly brand: string = "SafetensorsWriteError";
}

/** A folder that another process or thread is writing to. */
export class SafetensorsInUseError extends SafetensorsWriteError {
  static override readonly brand: string = "SafetensorsInUseError";
}
