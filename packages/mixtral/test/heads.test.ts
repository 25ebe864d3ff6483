import { headConformance } from "@mixtape/testing";
import {
  MixtralForQuestionAnswering,
  MixtralForSequenceClassification,
  MixtralForTokenClassification,
} from "../src/index.js";

headConformance(
  {
    ForSequenceClassification: MixtralForSequenceClassification,
    ForTokenClassification: MixtralForTokenClassification,
    ForQuestionAnswering: MixtralForQuestionAnswering,
  },
  { goldens: "mixtral" },
);
