import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors, type TensorSource } from "@mixtape/safetensors";
import type { Values } from "./all-close.js";
import { rowsOf, valuesOf } from "./golden.js";

/** What the reference computed for a checkpoint with a head of classification, regression or question answering. */
export interface HeadGolden {
  /** The folder of the checkpoint. */
  readonly folder: string;
  readonly case: HeadGoldenCase;
  readonly inputs: HeadGoldenInputs;
  /** By their names in the file: `loss`, `logits` or `start_logits` and `end_logits`, `hidden_states.0`, … */
  readonly outputs: ReadonlyMap<string, Values>;
  /** Of the loss, by the names on disk. */
  readonly gradients: ReadonlyMap<string, Values>;
}

/** `case.json`. */
export interface HeadGoldenCase {
  readonly purpose: string;
  /** The end of the name of the class. */
  readonly head: "ForSequenceClassification" | "ForTokenClassification" | "ForQuestionAnswering";
  /** What the reference takes the problem for once it has seen the labels; null where the head has no such choice. */
  readonly problemType: string | null;
  /** What the names of the model below the head begin with on disk: `model` or `transformer`. */
  readonly prefix: string;
  /** The slot of each row whose logits are the row's; of sequence classification alone. */
  readonly pooled?: readonly number[];
}

/** What went into the forward pass. */
export interface HeadGoldenInputs {
  readonly inputIds: number[][];
  readonly attentionMask?: number[][];
  /** A class or a number for each row, or several numbers, flags or classes of tokens. */
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
