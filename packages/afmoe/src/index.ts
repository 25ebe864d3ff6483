export { AfmoeDecoder, AfmoeDecoderLayer, AfmoeForCausalLM, afmoe } from "./afmoe.js";
export { AfmoeAttention } from "./attention.js";
export { type AfmoeConfig, afmoeConfig } from "./config.js";
