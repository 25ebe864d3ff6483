import { headConformance } from "@mixtape/testing";
import {
  Qwen3MoeForQuestionAnswering,
  Qwen3MoeForSequenceClassification,
  Qwen3MoeForTokenClassification,
} from "../src/index.js";

headConformance(
  {
    ForSequenceClassification: Qwen3MoeForSequenceClassification,
    ForTokenClassification: Qwen3MoeForTokenClassification,
    ForQuestionAnswering: Qwen3MoeForQuestionAnswering,
  },
  { goldens: "qwen3-moe" },
);
