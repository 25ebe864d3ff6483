export { DeepseekV3Attention } from "./attention.js";
export { type DeepseekV3Config, deepseekV3Config } from "./config.js";
export { DeepseekV3DecoderLayer, DeepseekV3ForCausalLM, deepseekV3 } from "./deepseek-v3.js";
