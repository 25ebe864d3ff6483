import { MixtapeError } from "@mixtape/errors";

/** A tokenizer file that is missing or invalid, or a chat template that is missing or refuses the messages. */
export class TokenizerError extends MixtapeError {
  static override readonly brand: string = "TokenizerError";
}

/** Returns the message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
