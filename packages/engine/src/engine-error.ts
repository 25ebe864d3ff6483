import { MixtapeError } from "@mixtape/errors";

/** An engine that is unknown, missing or broken, or has run out of memory. */
export class EngineError extends MixtapeError {
  static override readonly brand: string = "EngineError";
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
