export { QuantizationError } from "./errors.js";
export { type Quantization, quantizedSource } from "./quantized-source.js";
