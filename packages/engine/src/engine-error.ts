import { MixtapeError } from "@mixtape/errors";

/** An engine that is unknown, missing or broken, or has run out of memory. */
export class EngineError extends MixtapeError {
  static override readonly brand: string = "EngineError";
}

/** Returns the message of anything that was thrown, for use in a sentence. TensorFlow.js throws plain objects too. */
export function messageOf(thrown: unknown): string {
  const hasMessage = typeof thrown === "object" && thrown !== null && "message" in thrown;
  return String(hasMessage ? thrown.message : thrown).replace(/\.$/, "");
}
