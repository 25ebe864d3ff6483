import { headConformance } from "@mixtape/testing";
import {
  AfmoeForQuestionAnswering,
  AfmoeForSequenceClassification,
  AfmoeForTokenClassification,
} from "../src/index.js";

headConformance(
  {
    ForSequenceClassification: AfmoeForSequenceClassification,
    ForTokenClassification: AfmoeForTokenClassification,
    ForQuestionAnswering: AfmoeForQuestionAnswering,
  },
  { goldens: "afmoe" },
);
