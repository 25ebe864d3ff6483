export {
  type GeneratedText,
  generateText,
  generateTexts,
  type Prompt,
  streamText,
  type TextOptions,
  type TextPiece,
} from "./generate-text.js";
export { type FinishReason, type GeneratedToken, generateTokens } from "./generate-tokens.js";
export { GenerationError } from "./generation-error.js";
export type { GenerationOptions, ResolvedOptions } from "./options.js";
export {
  forcedTokensProcessor,
  minLengthProcessor,
  noRepeatNgramProcessor,
  suppressTokensAtProcessor,
  suppressTokensProcessor,
} from "./processors/bans.js";
export { type LogitsProcessor, softmax } from "./processors/logits-processor.js";
export {
  exponentialDecayLengthPenaltyProcessor,
  noBadWordsProcessor,
  repetitionPenaltyProcessor,
  sequenceBiasProcessor,
  temperatureProcessor,
} from "./processors/penalties.js";
export { processorsOf } from "./processors/processors-of.js";
export {
  epsilonProcessor,
  etaProcessor,
  minPProcessor,
  topHProcessor,
  topKProcessor,
  topPProcessor,
  typicalProcessor,
} from "./processors/truncation.js";
export { contextLimit, type PromptBatch, padPrompts } from "./prompts.js";
export { type GenerationDefaults, resolveOptions } from "./resolve-options.js";
export { greedy, type Sampler, seededSampler } from "./sampler.js";
export { StopStrings } from "./stop-strings.js";
