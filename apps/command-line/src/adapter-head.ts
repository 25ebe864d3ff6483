/** The head that an adapter was trained with, which its base model may lack. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LoadModelOptions, Task } from "@mixtape/mixtape";
import { openSafetensors } from "@mixtape/safetensors";

/** Task and config of a base model's new head. */
export interface AdapterHead {
  readonly task?: Task;
  readonly config?: NonNullable<LoadModelOptions["config"]>;
}

/** Tasks by `task_type` of Hugging Face peft. */
const TASKS: Readonly<Record<string, Task>> = {
  CAUSAL_LM: "text-generation",
  SEQ_CLS: "text-classification",
  TOKEN_CLS: "token-classification",
  QUESTION_ANS: "question-answering",
  FEATURE_EXTRACTION: "feature-extraction",
};

/**
 * Finds the task of an adapter, and the classes of its head: from the `config.json` that `sample-train` writes beside
 * it, or else from the size of its head. Unreadable files are ignored here, since loading the adapter reports them.
 */
export async function adapterHead(folder: string): Promise<AdapterHead> {
  const task = TASKS[String(jsonIn(folder, "adapter_config.json")?.task_type)];
  if (task !== "text-classification" && task !== "token-classification") return task ? { task } : {};
  const config = jsonIn(folder, "config.json");
  if (config?.id2label && typeof config.id2label === "object") {
    const id2label = config.id2label as Readonly<Record<number, string>>;
    const problemType = config.problem_type as "regression" | null | undefined;
    const padTokenId = config.pad_token_id;
    return {
      task,
      config: { id2label, ...(problemType && { problemType }), ...(typeof padTokenId === "number" && { padTokenId }) },
    };
  }
  const numLabels = await rowsOfHead(folder);
  return { task, ...(numLabels !== undefined && { config: { numLabels } }) };
}

function jsonIn(folder: string, name: string): Record<string, unknown> | undefined {
  const path = join(folder, name);
  try {
    const json: unknown = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
    return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

async function rowsOfHead(folder: string): Promise<number | undefined> {
  try {
    const file = await openSafetensors(join(folder, "adapter_model.safetensors"));
    try {
      const name = file.names.find((one) => /(^|\.)score\.weight$/.test(one));
      return name === undefined ? undefined : file.tensor(name).shape[0];
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}
