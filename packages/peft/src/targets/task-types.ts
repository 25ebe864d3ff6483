import type { PreTrainedModel } from "@mixtape/decoder";

/** Hugging Face peft's view of a model with a head. */
export interface PeftTask {
  /** `task_type` of `adapter_config.json`; null for a head that peft does not know. */
  readonly taskType: string | null;
  /** Modules that train in full with every LoRA, which peft adds to `modules_to_save`: it writes names that no model here has too. */
  readonly modulesToSave: readonly string[];
}

const TASKS: Readonly<Record<string, PeftTask>> = {
  ForCausalLM: { taskType: "CAUSAL_LM", modulesToSave: [] },
  ForSequenceClassification: { taskType: "SEQ_CLS", modulesToSave: ["classifier", "score"] },
  ForTokenClassification: { taskType: "TOKEN_CLS", modulesToSave: ["classifier", "score"] },
  ForQuestionAnswering: { taskType: "QUESTION_ANS", modulesToSave: ["qa_outputs"] },
  Model: { taskType: "FEATURE_EXTRACTION", modulesToSave: [] },
};

/** Finds the task of a model by its head. The modules of a head of one's own train in full, as those of known ones do. */
export function peftTaskOf(model: PreTrainedModel): PeftTask {
  const known = TASKS[model.head];
  if (known) return known;
  const modules = [...model.namedParameters()].map(([name]) => name.split(".")[0]!);
  return { taskType: null, modulesToSave: [...new Set(modules)].filter((name) => name !== "model") };
}
