export { type Qwen3MoeConfig, qwen3MoeConfig } from "./config.js";
export {
  Qwen3MoeDecoderLayer,
  Qwen3MoeForCausalLM,
  Qwen3MoeForQuestionAnswering,
  Qwen3MoeForSequenceClassification,
  Qwen3MoeForTokenClassification,
  Qwen3MoeModel,
  qwen3Moe,
} from "./qwen3-moe.js";
