export { compressedTensorsConfig, type ModuleScheme } from "./encode/compressed-tensors-config.js";
export type { Hessian } from "./encode/hessian.js";
export { type EncodedMatrix, layoutOf } from "./encode/matrix-layout.js";
export { packedTensors } from "./encode/packed-tensors.js";
export { quantizeCalibrated } from "./encode/quantize-calibrated.js";
export { type Encoder, quantizingView } from "./encode/quantizing-view.js";
export {
  compileRecipe,
  defaultRules,
  type GroupSize,
  type QuantizationRule,
  type QuantizeFormat,
  type QuantizeOptions,
  type Recipe,
  type WeightFormat,
} from "./encode/recipe.js";
export type { FloatScheme, IntegerScheme, WeightScheme } from "./encode/weight-scheme.js";
export { QuantizationError } from "./errors.js";
export type { GgmlFormat } from "./formats/ggml/ggml-format.js";
export { GGML_FORMATS } from "./formats/ggml/ggml-formats.js";
export { type Quantization, quantizedSource } from "./quantized-source.js";
