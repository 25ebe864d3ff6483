export { type Qwen3MoeConfig, qwen3MoeConfig } from "./config.js";
export { Qwen3MoeDecoderLayer, Qwen3MoeForCausalLM, qwen3Moe } from "./qwen3-moe.js";
