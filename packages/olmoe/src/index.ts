export { OlmoeAttention } from "./attention.js";
export { type OlmoeConfig, olmoeConfig } from "./config.js";
export { OlmoeDecoderLayer, OlmoeForCausalLM, OlmoeModel } from "./olmoe.js";
