export { type MixtralConfig, mixtralConfig } from "./config.js";
export { MixtralDecoderLayer, MixtralForCausalLM, mixtral } from "./mixtral.js";
