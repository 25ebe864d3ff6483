import {
  BaseModel,
  ForCausalLM,
  ForQuestionAnswering,
  ForSequenceClassification,
  ForTokenClassification,
} from "@mixtape/decoder";
import { OptionError } from "@mixtape/errors";

/** Models by task, under the names of Hugging Face's pipelines. */
export interface ModelByTask {
  "text-generation": ForCausalLM;
  "text-classification": ForSequenceClassification;
  "token-classification": ForTokenClassification;
  "question-answering": ForQuestionAnswering;
  /** A model without a head. */
  "feature-extraction": BaseModel;
}

/** Task of a model, under the names of Hugging Face's pipelines. */
export type Task = keyof ModelByTask;

/** A model of any task. */
export type AnyModel = ModelByTask[Task];

/** Generic class of each task; a family's class derives from it. */
export const HEADS = {
  "text-generation": ForCausalLM,
  "text-classification": ForSequenceClassification,
  "token-classification": ForTokenClassification,
  "question-answering": ForQuestionAnswering,
  "feature-extraction": BaseModel,
} as const satisfies { readonly [T in Task]: { readonly head: string; readonly prototype: ModelByTask[T] } };

/** Tasks that models can be loaded for. */
export const TASKS = Object.keys(HEADS) as readonly Task[];

/** Returns the task of a model; undefined for a custom head. */
export function taskOf(model: { readonly head: string }): Task | undefined {
  return TASKS.find((task) => HEADS[task].head === model.head);
}

/** @throws {OptionError} if it is not a task */
export function checkTask(where: string, task: unknown): void {
  if (task === undefined || task === "auto" || TASKS.some((known) => known === task)) return;
  throw new OptionError({
    where: `${where}: task`,
    expected: `one of ${TASKS.join(", ")}, or auto`,
    got: typeof task === "string" ? JSON.stringify(task) : String(task),
  });
}
