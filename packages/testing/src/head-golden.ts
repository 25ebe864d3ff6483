import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors, type TensorSource } from "@mixtape/safetensors";
import type { Values } from "./all-close.js";
import { rowsOf, valuesOf } from "./golden.js";

/**
 * Inputs and outputs of the reference for a checkpoint with a classification, regression or question answering head.
 */
export interface HeadGolden {
  /** Folder of the checkpoint. */
  readonly folder: string;
  readonly case: HeadGoldenCase;
  readonly inputs: HeadGoldenInputs;
  /** Outputs by their names in the file: `loss`, `logits` or `start_logits` and `end_logits`, `hidden_states.0`, … */
  readonly outputs: ReadonlyMap<string, Values>;
  /** Gradients of the loss, by the names on disk. */
  readonly gradients: ReadonlyMap<string, Values>;
}

/** Contents of `case.json`. */
export interface HeadGoldenCase {
  readonly purpose: string;
  /** Suffix of the class name. */
  readonly head: "ForSequenceClassification" | "ForTokenClassification" | "ForQuestionAnswering";
  /** Problem type that the reference infers from the labels; null if the head has no such choice. */
  readonly problemType: string | null;
  /** Prefix of the base model's names on disk: `model` or `transformer`. */
  readonly prefix: string;
  /** For sequence classification: the position of each row whose logits are the row's. */
  readonly pooled?: readonly number[];
}

/** Inputs of the forward pass. */
export interface HeadGoldenInputs {
  readonly inputIds: number[][];
  readonly attentionMask?: number[][];
  /** A class or a number for each row, or several numbers, flags or token classes. */
  readonly labels?: number[] | number[][];
  readonly startPositions?: number[];
  readonly endPositions?: number[];
}

/** Reads the golden files of a checkpoint with a head, such as `heads/afmoe/tokens`. */
export async function readHeadGolden(folder: string): Promise<HeadGolden> {
  const all = await tensorsOf(join(folder, "golden.safetensors"));
  const take = (name: string): Values | undefined => {
    const values = all.get(name);
    all.delete(name);
    return values;
  };
  const rows = (name: string) => optional(take(name), rowsOf);
  const list = (name: string) => optional(take(name), ({ values }) => [...values]);
  const inputs = {
    inputIds: rows("input_ids")!,
    attentionMask: rows("attention_mask"),
    labels: optional(take("labels"), (labels) => (labels.shape.length === 1 ? [...labels.values] : rowsOf(labels))),
    startPositions: list("start_positions"),
    endPositions: list("end_positions"),
  };
  return {
    folder,
    case: JSON.parse(readFileSync(join(folder, "case.json"), "utf8")) as HeadGoldenCase,
    inputs,
    outputs: all,
    gradients: await tensorsOf(join(folder, "gradients.safetensors")),
  };
}

async function tensorsOf(path: string): Promise<Map<string, Values>> {
  const file: TensorSource = await openSafetensors(path);
  try {
    const tensors = new Map<string, Values>();
    for (const name of file.names) tensors.set(name, await valuesOf(file, name));
    return tensors;
  } finally {
    await file.close();
  }
}

function optional<T, R>(value: T | undefined, read: (value: T) => R): R | undefined {
  return value === undefined ? undefined : read(value);
}
