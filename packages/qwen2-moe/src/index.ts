export { type Qwen2MoeConfig, qwen2MoeConfig } from "./config.js";
export { Qwen2MoeDecoderLayer, Qwen2MoeForCausalLM, qwen2Moe } from "./qwen2-moe.js";
