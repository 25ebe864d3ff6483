export { type Batch, type BatchInput, readBatch } from "./batch.js";
export type { CacheOptions } from "./caches/cache-options.js";
export { loadCache } from "./caches/load-cache.js";
export { encodeCache, saveCache } from "./caches/save-cache.js";
export { changeConfig } from "./config-changes.js";
export { type ConfigFile, type ParseConfigOptions, parseConfig, readConfig } from "./config-file.js";
export { DecoderLayer, type LayerClass, type LayerContext, type LayerForwardHook } from "./decoder-layer.js";
export { DecoderModel } from "./decoder-model.js";
export { CheckpointError, DecoderError } from "./errors.js";
export { type Builders, defineFamily, type Family, type FamilyChanges, type FamilyDefinition } from "./family.js";
export type {
  CausalLMInputs,
  CausalLMOutput,
  HiddenOutput,
  ModelInputs,
  ModelOutput,
  TokenInputs,
} from "./forward.js";
export { BaseModel } from "./heads/base-model.js";
export { ForCausalLM } from "./heads/causal-lm.js";
export { type ProblemType, sequenceLoss, spanLoss, tokenLoss } from "./heads/head-losses.js";
export { type Labels, type LabelsInput, readLabels } from "./heads/labels.js";
export {
  ForQuestionAnswering,
  type QuestionAnsweringInputs,
  type QuestionAnsweringOutput,
} from "./heads/question-answering.js";
export {
  ForSequenceClassification,
  type SequenceClassifierInputs,
  type SequenceClassifierOutput,
} from "./heads/sequence-classification.js";
export {
  ForTokenClassification,
  type TokenClassifierInputs,
  type TokenClassifierOutput,
} from "./heads/token-classification.js";
export { type InitOptions, initialize } from "./initialize.js";
export { activeParameters, type ModelSummary, summarize, weightBytes } from "./inspect.js";
export {
  checkLoadOptions,
  fetchingOf,
  LOAD_OPTIONS,
  type LoadContext,
  type LoadOptions,
  type LoadProgress,
  loadParameters,
  warnOfTensors,
} from "./load.js";
export { type LoadWarning, type OnWarning, warnOnConsole } from "./load-warning.js";
export { causalLoss } from "./losses.js";
export {
  type FoundWeights,
  type FreshParam,
  type LoadJob,
  type MisshapedTensor,
  matchTensors,
  type TensorFaults,
  type TensorMatch,
} from "./match-tensors.js";
export { openWeights } from "./open-weights.js";
export { type PoolingOptions, pool } from "./pooling.js";
export { PreNormDecoderLayer } from "./pre-norm-layer.js";
export { type ModelClass, type ModelConstructor, PreTrainedModel, type SettleContext } from "./pre-trained-model.js";
export type { CalibrationBatches } from "./quantize/calibration.js";
export {
  type QuantizeCheckpointOptions,
  type QuantizedCheckpoint,
  quantizeCheckpoint,
} from "./quantize/quantize-checkpoint.js";
export { type ResizeOptions, resizeTokenEmbeddings } from "./resize.js";
export { SandwichNormDecoderLayer } from "./sandwich-norm-layer.js";
export { type SaveProgress, tensorsToWrite } from "./save.js";
export type { SaveOptions } from "./save-options.js";
export { blockFormatOf, type DecodedWeights, decodedWeights, storedBytes } from "./stored-weights.js";
export { settleHead } from "./tied-head.js";
export { loadJobs, type WeightPlacement, weightPlacement } from "./weight-placement.js";
export { prefixed, sourcesOf } from "./weights/bind-mappings.js";
export {
  add,
  concat,
  deinterleave,
  interleave,
  split,
  squeeze,
  stack,
  transpose,
  type WeightOperation,
} from "./weights/operations.js";
export {
  type ConvertMapping,
  convert,
  type ExpertNames,
  expertWeights,
  from,
  type IgnoreMapping,
  ignore,
  type KeepFloat32Mapping,
  keepFloat32,
  type PrefixMapping,
  prefix,
  type RenameMapping,
  rename,
  type WeightMapping,
  type WeightMappings,
  type WeightSource,
} from "./weights/weight-mapping.js";
