export type {
  Allowed,
  CompoundField,
  ConfigDefinition,
  ConfigOf,
  Field,
  Fields,
  Given,
  Inputs,
  KeyRole,
  ParseOptions,
  Report,
} from "./config-definition.js";
export { ConfigError, type ConfigIssue } from "./config-error.js";
export type { ConfigInput } from "./config-input.js";
export type { UnusableValue } from "./config-schema.js";
export { checkExperts } from "./decoder-checks.js";
export { decoderConfig } from "./decoder-config.js";
export { type DecoderConfig, DTYPES } from "./decoder-fields.js";
export { type ConfigOptions, defineConfig } from "./define-config.js";
export {
  bool,
  custom,
  int,
  listOf,
  type NumberBounds,
  number,
  oneOf,
  optional,
  paddingId,
  string,
  tokenId,
  tokenIds,
} from "./fields.js";
export {
  type CacheImplementation,
  type GenerationConfig,
  type GenerationConfigIssues,
  generationConfig,
  generationConfigIssues,
  unreadableGenerationConfig,
} from "./generation-config.js";
export { type GenerationField, generationFields } from "./generation-fields.js";
export { HIDDEN_ACTS, type HiddenAct, type HiddenActs, hiddenAct, registerHiddenAct } from "./hidden-act.js";
export { defaultLabels, type Labels } from "./labels.js";
export {
  type LayerType,
  layerCount,
  layerTypeList,
  layerTypesWhere,
  type MlpLayerType,
  mlpLayerTypesWhere,
  noWindow,
  uniformLayerTypes,
} from "./layer-types.js";
export { geometricFrequencies } from "./rope/geometric.js";
export { contextLength, registerRopeType, ropeFrequencies, ropeTypes, rotaryDim } from "./rope/registry.js";
export { type RopeFieldOptions, rope } from "./rope/rope-field.js";
export type {
  DefaultRope,
  DynamicRope,
  LinearRope,
  Llama3Rope,
  LongRope,
  ProportionalRope,
  RopeParameters,
  RopeParametersInput,
  RopeTypeName,
  RopeTypes,
  YarnRope,
} from "./rope/rope-parameters.js";
export {
  defineRopeType,
  type RopeContext,
  type RopeFillConfig,
  type RopeFrequencies,
  type RopeInputOf,
  type RopeParametersOf,
  type RopeType,
} from "./rope/rope-type.js";
export { yarnMscale } from "./rope/yarn.js";
export { checkSparseLayers, type SparseLayers, sparseLayerFields, sparseLayers } from "./sparse-layers.js";
