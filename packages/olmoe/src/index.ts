export { OlmoeAttention } from "./attention.js";
export { type OlmoeConfig, olmoeConfig } from "./config.js";
export { OlmoeDecoderLayer, OlmoeForCausalLM, olmoe } from "./olmoe.js";
