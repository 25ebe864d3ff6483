export { type Batch, type BatchInput, readBatch } from "./batch.js";
export { type ConfigFile, type ParseConfigOptions, parseConfig, readConfig } from "./config-file.js";
export { type AroundLayer, DecoderLayer, type LayerClass, type LayerContext } from "./decoder-layer.js";
export { DecoderModel } from "./decoder-model.js";
export { CheckpointError, DecoderError } from "./errors.js";
export { defineFamily, extendFamily, type Family, type FamilyChanges } from "./family.js";
export type { CausalLMInputs, CausalLMOutput, ModelInputs, ModelOutput, TokenInputs } from "./forward.js";
export { ForCausalLM } from "./heads/causal-lm.js";
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
  type LoadJob,
  type MisshapedTensor,
  matchTensors,
  type TensorFaults,
  type TensorMatch,
} from "./match-tensors.js";
export { PreNormDecoderLayer } from "./pre-norm-layer.js";
export { type ModelClass, type ModelConstructor, PreTrainedModel, type SettleContext } from "./pre-trained-model.js";
export { type ResizeOptions, resizeTokenEmbeddings } from "./resize.js";
export { SandwichNormDecoderLayer } from "./sandwich-norm-layer.js";
export { type SaveProgress, tensorsToWrite } from "./save.js";
export type { SaveOptions } from "./save-options.js";
export { settleHead } from "./tied-head.js";
export { sourcesOf } from "./weights/bind-mappings.js";
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
  type RenameMapping,
  rename,
  type WeightMapping,
  type WeightMappings,
  type WeightSource,
} from "./weights/weight-mapping.js";
