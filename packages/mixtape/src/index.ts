export {
  ConfigError,
  type ConfigOf,
  contextLength,
  type DecoderConfig,
  type GenerationConfig,
  generationConfigIssues,
} from "@mixtape/config";
export {
  BaseModel,
  type CacheOptions,
  type CausalLMInputs,
  type CausalLMOutput,
  CheckpointError,
  DecoderError,
  encodeCache,
  ForCausalLM,
  ForQuestionAnswering,
  ForSequenceClassification,
  ForTokenClassification,
  type LoadWarning,
  loadCache,
  type ModelInputs,
  type ModelOutput,
  type PoolingOptions,
  PreTrainedModel,
  type QuantizedCheckpoint,
  type QuestionAnsweringInputs,
  type QuestionAnsweringOutput,
  type ResizeOptions,
  resizeTokenEmbeddings,
  type SequenceClassifierInputs,
  type SequenceClassifierOutput,
  saveCache,
  type TokenClassifierInputs,
  type TokenClassifierOutput,
} from "@mixtape/decoder";
export {
  availableMemory,
  currentEngine,
  type Engine,
  EngineError,
  type EngineName,
  type EngineOptions,
  type EngineStatus,
  listEngines,
  useEngine,
} from "@mixtape/engine";
export { MixtapeError, OptionError } from "@mixtape/errors";
export {
  type FinishReason,
  type GeneratedText,
  type GeneratedToken,
  GenerationError,
  type GenerationOptions,
  generateText,
  generateTexts,
  generateTokens,
  type LogitsProcessor,
  type LogprobOptions,
  type PerRow,
  type RowContext,
  type Sampler,
  type StoppingCriterion,
  streamText,
  type TextOptions,
  type TextPiece,
  type TokenLogprobs,
} from "@mixtape/generation";
export { type GgufCheckpoint, GgufError, openGguf } from "@mixtape/gguf";
export {
  banExperts,
  Cache,
  combineObservers,
  forceExperts,
  namedRouters,
  type RoutingObserver,
  RoutingRecorder,
  type RoutingTrace,
  replayRouting,
} from "@mixtape/layers";
export { QuantizationError, type QuantizationRule, type QuantizeOptions } from "@mixtape/quantization";
export { explainSource, SafetensorsError } from "@mixtape/safetensors";
export { Tokenizer, TokenizerError } from "@mixtape/tokenizer";
export { type Answer, type AnswerOptions, answerQuestion } from "./answer-question.js";
export {
  type ClassifiedToken,
  type ClassifyOptions,
  classifyTexts,
  classifyTokens,
  type LabelScore,
  labelScores,
} from "./classify-texts.js";
export { aboutPartialExperts, type PartialExperts } from "./expert-room.js";
export { familyOf, modelClassOf, registeredFamilies, registerFamily } from "./families.js";
export { type EngineNeeds, type InspectOptions, inspectModel, type ModelInspection } from "./inspect-model.js";
export type { StoredWeights, WeightKind, WeightsByKind } from "./inspect-weights.js";
export { type LoadModelOptions, type LoadTokenizerOptions, loadModel, loadTokenizer } from "./load-model.js";
export { ModelTooLargeError, UnknownArchitectureError, UnknownFamilyError } from "./mixtape-error.js";
export { type QuantizeModelOptions, quantizeModel } from "./quantize-model.js";
export { type AnyModel, HEADS, type ModelByTask, TASKS, type Task, taskOf } from "./tasks.js";
