import type { LoadFlags } from "@mixtape/command-line/load";
import type { PromptFlags } from "../prompt.js";

/** The flags of `sample-generate generate`, checked one by one. */
export interface GenerateFlags extends PromptFlags, LoadFlags {
  readonly maxNewTokens?: number;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly ignoreEos?: boolean;
  readonly json?: boolean;
}

/** How many tokens are written where neither a flag nor the model says it. */
export const DEFAULT_LENGTH = 128;
