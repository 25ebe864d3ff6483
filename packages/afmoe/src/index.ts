export {
  AfmoeDecoder,
  AfmoeDecoderLayer,
  AfmoeForCausalLM,
  AfmoeForQuestionAnswering,
  AfmoeForSequenceClassification,
  AfmoeForTokenClassification,
  AfmoeModel,
  afmoe,
} from "./afmoe.js";
export { AfmoeAttention } from "./attention.js";
export { type AfmoeConfig, afmoeConfig } from "./config.js";
