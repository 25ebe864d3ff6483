import type { LoadFlags } from "@mixtape/command-line/load";
import type { TextOptions } from "@mixtape/mixtape";
import type { PromptFlags } from "../prompt.js";

/** Flags of `sample-generate generate`, checked one by one. Generation options have the names of their flags. */
export interface GenerateFlags extends PromptFlags, LoadFlags, TextOptions {
  readonly ignoreEos?: boolean;
  readonly promptCache?: string;
  readonly json?: boolean;
}

/** Default number of new tokens, unless the model sets one. */
export const DEFAULT_LENGTH = 128;
