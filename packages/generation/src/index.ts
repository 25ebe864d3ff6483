export {
  checkVocabulary,
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
export { type GenerationOptions, resolveOptions, type Settings } from "./options.js";
export {
  type LogitsProcessor,
  minPProcessor,
  processorsOf,
  repetitionPenaltyProcessor,
  softmax,
  temperatureProcessor,
  topKProcessor,
  topPProcessor,
} from "./processors.js";
export { contextLimit, type PromptBatch, padPrompts } from "./prompts.js";
export { greedy, type Sampler, seededSampler } from "./sampler.js";
export { StopStrings } from "./stop-strings.js";
