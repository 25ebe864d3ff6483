export {
  type GeneratedText,
  generateText,
  generateTexts,
  type Prompt,
  streamText,
  type TextPiece,
} from "./generate-text.js";
export { generateTokens } from "./generate-tokens.js";
export { GenerationError } from "./generation-error.js";
export type { LogprobOptions, TokenLogprob, TokenLogprobs } from "./logprobs.js";
export type { GenerationOptions, ResolvedOptions, TextOptions } from "./options/generation-options.js";
export { type GenerationDefaults, resolveOptions } from "./options/resolve-options.js";
export {
  beginSuppressTokensProcessor,
  forcedBosTokenProcessor,
  forcedEosTokenProcessor,
  minLengthProcessor,
  minNewTokensProcessor,
  noRepeatNgramProcessor,
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
export { type FinishReason, type GeneratedToken, GenerationRow, type RowText } from "./rows/generation-row.js";
export type { PerRow, RowContext } from "./rows/row-context.js";
export { type Rng, seededRng } from "./sampling/rng.js";
export { argmax, greedySampler, multinomialSampler, type Sampler } from "./sampling/sampler.js";
export { StopStrings } from "./stopping/stop-strings.js";
export type { StoppingContext, StoppingCriterion } from "./stopping/stopping-criterion.js";
export { tokenTexts } from "./text/token-bytes.js";
