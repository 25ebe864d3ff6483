export { type MixtralConfig, mixtralConfig } from "./config.js";
export { MixtralDecoderLayer, MixtralForCausalLM, MixtralModel } from "./mixtral.js";
