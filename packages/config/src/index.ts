export type {
  Allowed,
  CompoundField,
  ConfigDefinition,
  ConfigOf,
  Field,
  Fields,
  KeyRole,
  ParseOptions,
  Report,
} from "./config-definition.js";
export { ConfigError, type Fault } from "./config-error.js";
export type { ConfigInput } from "./config-input.js";
export type { UnusableValue } from "./config-schema.js";
export { checkExperts } from "./decoder-checks.js";
export { decoderConfig } from "./decoder-config.js";
export { type DecoderConfig, DTYPES, HIDDEN_ACTS, type HiddenAct, hiddenAct } from "./decoder-fields.js";
export { type ConfigOptions, defineConfig } from "./define-config.js";
export { count, flag, listOf, type NumberBounds, number, oneOf, optional, text, tokenId, tokenIds } from "./fields.js";
export {
  type GenerationConfig,
  type GenerationConfigFaults,
  generationConfig,
  generationConfigFaults,
  unreadableGenerationConfig,
} from "./generation-config.js";
export type { Labels } from "./labels.js";
export {
  type LayerType,
  layerCount,
  layerTypeList,
  type MlpLayerType,
  mlpLayerTypesWhere,
  uniformLayerTypes,
} from "./layer-types.js";
export {
  contextLength,
  type DefaultRope,
  type DynamicRope,
  type LinearRope,
  type Llama3Rope,
  type LongRope,
  ROPE_TYPES,
  type RopeParameters,
  type RopeType,
  ropeParametersSchema,
  rotaryDim,
  type YarnRope,
} from "./rope.js";
export { type RopeFieldOptions, type RopeParametersInput, rope } from "./rope-field.js";
