export { GptOssAttention } from "./attention.js";
export { type GptOssConfig, gptOssConfig } from "./config.js";
export { GptOssDecoderLayer, GptOssForCausalLM, GptOssRouter, gptOss } from "./gpt-oss.js";
