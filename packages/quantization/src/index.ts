export { QuantizationError } from "./errors.js";
export type { GgmlFormat } from "./formats/ggml/ggml-format.js";
export { GGML_FORMATS } from "./formats/ggml/ggml-formats.js";
export { type Quantization, quantizedSource } from "./quantized-source.js";
