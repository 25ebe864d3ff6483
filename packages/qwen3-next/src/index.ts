export { Qwen3NextAttention } from "./attention.js";
export { type Qwen3NextConfig, qwen3NextConfig } from "./config.js";
export { Qwen3NextDecoderLayer, Qwen3NextForCausalLM, qwen3Next } from "./qwen3-next.js";
