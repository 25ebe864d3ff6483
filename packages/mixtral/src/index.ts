export { type MixtralConfig, mixtralConfig } from "./config.js";
export {
  MixtralDecoderLayer,
  MixtralForCausalLM,
  MixtralForQuestionAnswering,
  MixtralForSequenceClassification,
  MixtralForTokenClassification,
  MixtralModel,
  mixtral,
} from "./mixtral.js";
