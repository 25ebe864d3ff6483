import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors, type TensorSource, toFloat32 } from "@mixtape/safetensors";
import type { Values } from "./all-close.js";

/** What the reference computed for one checkpoint. */
export interface Golden {
  /** The folder of the checkpoint. */
  readonly folder: string;
  readonly case: GoldenCase;
  readonly inputs: GoldenInputs;
  /** By their names in the file: `logits`, `loss`, `hidden_states.0`, … */
  readonly outputs: ReadonlyMap<string, Values>;
  /** Absent where the case has none. */
  readonly greedy?: GoldenGreedy;
}

/** `case.json`. */
export interface GoldenCase {
  readonly purpose: string;
  /** The dtype of the checkpoint. */
  readonly weights: string;
  /** The layers that have experts. */
  readonly expertLayers: readonly number[];
}

/** What went into the forward pass. */
export interface GoldenInputs {
  readonly inputIds: number[][];
  readonly labels: number[][];
  readonly attentionMask?: number[][];
  readonly positionIds?: number[][];
}

/** What the reference's `generate` wrote. */
export interface GoldenGreedy {
  readonly promptIds: number[][];
  readonly attentionMask?: number[][];
  /** The new tokens of each row. */
  readonly ids: number[][];
}

/**
 * The golden checkpoints in a folder: the names of its folders.
 * @throws {Error} where the folder does not exist, saying what writes it
 */
export function goldenNames(folder: string): string[] {
  if (!existsSync(folder))
    throw new Error(
      `${folder}: expected a folder of golden checkpoints, got none. ` +
        "tools/reference/golden_family.py writes it; without Python, give conformance a config instead of goldens.",
    );
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/**
 * Reads the golden files of a checkpoint. A folder that spells another's weights differently (`basic-fused`, `basic-sharded`)
 * has none of its own: it shares those of `basic`.
 */
export async function readGolden(folder: string): Promise<Golden> {
  const own = ownerOf(folder);
  const file = await openSafetensors(join(own, "golden.safetensors"));
  try {
    const ids = async (name: string) => (file.has(name) ? rowsOf(await valuesOf(file, name)) : undefined);
    const outputs = new Map<string, Values>();
    for (const name of file.names) if (!INPUTS.has(name)) outputs.set(name, await valuesOf(file, name));
    return {
      folder,
      case: readCase(folder),
      inputs: {
        inputIds: (await ids("input_ids"))!,
        labels: (await ids("labels"))!,
        attentionMask: await ids("attention_mask"),
        positionIds: await ids("position_ids"),
      },
      outputs,
      greedy: hasGreedy(folder) ? readGreedy(join(own, "greedy.json")) : undefined,
    };
  } finally {
    await file.close();
  }
}

/** Whether the reference wrote text with a checkpoint. */
export function hasGreedy(folder: string): boolean {
  return existsSync(join(ownerOf(folder), "greedy.json"));
}

export function readCase(folder: string): GoldenCase {
  return readJson<GoldenCase>(join(ownerOf(folder), "case.json"));
}

/** The folder whose golden files are those of `folder`. */
export function ownerOf(folder: string): string {
  return folder.replace(/-(fused|sharded)$/, "");
}

const INPUTS = new Set(["input_ids", "labels", "attention_mask", "position_ids"]);

/** The values of a tensor of a file. */
export async function valuesOf(file: TensorSource, name: string): Promise<Values> {
  const view = file.tensor(name);
  return { shape: view.shape, values: toFloat32(await view.read(), view.dtype) };
}

/** The rows of a matrix, as lists. */
export function rowsOf({ shape: [rows, length], values }: Values): number[][] {
  return Array.from({ length: rows! }, (_, row) => [...values.subarray(row * length!, (row + 1) * length!)]);
}

function readGreedy(path: string): GoldenGreedy {
  const json = readJson<{ prompt_ids: number[][]; attention_mask?: number[][]; ids: number[][] }>(path);
  return { promptIds: json.prompt_ids, attentionMask: json.attention_mask, ids: json.ids };
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}
