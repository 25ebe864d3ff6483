/** Inputs of a forward pass, from a file of tensors. */

import { InputError, note, plural } from "@mixtape/command-line";
import type { Task } from "@mixtape/mixtape";
import { openSafetensors, type TensorSource, toFloat32 } from "@mixtape/safetensors";

/** Inputs of a model with any head. */
export interface ForwardInputs {
  readonly inputIds: number[][];
  readonly attentionMask: number[][] | undefined;
  readonly positionIds: number[][] | undefined;
  readonly labels?: number[] | number[][] | undefined;
  readonly startPositions?: number[] | undefined;
  readonly endPositions?: number[] | undefined;
}

/** Labels that each head reads, beside the tokens. */
const LABELS: Readonly<Record<Task, readonly string[]>> = {
  "text-generation": ["labels"],
  "text-classification": ["labels"],
  "token-classification": ["labels"],
  "question-answering": ["start_positions", "end_positions"],
  "feature-extraction": [],
};

const TOKENS = ["input_ids", "attention_mask", "position_ids"] as const;

/**
 * Reads the inputs of a model's head. Unused tensors are ignored, with a note.
 * @throws {InputError} for tensors that are missing, or of another dtype or shape
 */
export async function readForwardInputs(path: string, task: Task): Promise<ForwardInputs> {
  const file = await openSafetensors(path);
  try {
    if (!file.has("input_ids"))
      throw new InputError({ where: path, expected: "a tensor input_ids", got: listOf(file.names) });
    const known: readonly string[] = [...TOKENS, ...LABELS[task]];
    const others = file.names.filter((name) => !known.includes(name));
    if (others.length > 0) note(`${path}: ${plural(others.length, "tensor")} not read: ${listOf(others)}`);
    const [inputIds, attentionMask, positionIds] = await Promise.all(TOKENS.map((name) => readRows(file, name, path)));
    const tokens = { inputIds: inputIds!, attentionMask, positionIds };
    if (task === "text-classification") return { ...tokens, labels: await readTargets(file, path) };
    if (task === "question-answering") {
      const [startPositions, endPositions] = await Promise.all(
        ["start_positions", "end_positions"].map((name) => readColumn(file, name, path)),
      );
      return { ...tokens, startPositions, endPositions };
    }
    if (task === "feature-extraction") return tokens;
    return { ...tokens, labels: await readRows(file, "labels", path) };
  } finally {
    await file.close();
  }
}

/** Lists the first of some names. */
function listOf(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : "");
}

/** Reads a tensor `[B, L]` of integers as rows; undefined if the file has none of this name. */
async function readRows(file: TensorSource, name: string, path: string): Promise<number[][] | undefined> {
  if (!file.has(name)) return undefined;
  const { dtype, shape } = file.tensor(name);
  if (!isWhole(dtype) || shape.length !== 2 || shape.includes(0))
    throw new InputError({
      where: `${path}: ${name}`,
      expected: "whole numbers, I64 or I32, [batch, length]",
      got: `${dtype} [${shape}]`,
    });
  return rowsOf(await readNumbers(file, name), shape[1]!);
}

/** Reads a tensor `[B]`, or `[B, 1]`, of integers. */
async function readColumn(file: TensorSource, name: string, path: string): Promise<number[] | undefined> {
  if (!file.has(name)) return undefined;
  const { dtype, shape } = file.tensor(name);
  if (isWhole(dtype) && shape[0] && (shape.length === 1 || (shape.length === 2 && shape[1] === 1)))
    return readNumbers(file, name);
  throw new InputError({
    where: `${path}: ${name}`,
    expected: "whole numbers, I64 or I32, [batch]",
    got: `${dtype} [${shape}]`,
  });
}

/** Reads labels of texts: classes `[B]`, or numbers or flags `[B, labels]`. */
async function readTargets(file: TensorSource, path: string): Promise<number[] | number[][] | undefined> {
  if (!file.has("labels")) return undefined;
  const { dtype, shape } = file.tensor("labels");
  const isNumber = isWhole(dtype) || ["F32", "F64", "F16", "BF16"].includes(dtype);
  if (!isNumber || shape.length < 1 || shape.length > 2 || shape.includes(0))
    throw new InputError({
      where: `${path}: labels`,
      expected: "classes, I64 or I32, [batch], or numbers or flags, F32, [batch] or [batch, labels]",
      got: `${dtype} [${shape}]`,
    });
  const values = await readNumbers(file, "labels");
  return shape.length === 1 ? values : rowsOf(values, shape[1]!);
}

function isWhole(dtype: string): boolean {
  return dtype === "I64" || dtype === "I32";
}

async function readNumbers(file: TensorSource, name: string): Promise<number[]> {
  const tensor = file.tensor(name);
  const { dtype } = tensor;
  const data = await tensor.read();
  if (!isWhole(dtype)) return [...toFloat32(data, dtype)];
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const size = dtype === "I64" ? 8 : 4;
  return Array.from({ length: data.byteLength / size }, (_, i) =>
    dtype === "I64" ? Number(view.getBigInt64(i * 8, true)) : view.getInt32(i * 4, true),
  );
}

function rowsOf(values: readonly number[], length: number): number[][] {
  return Array.from({ length: values.length / length }, (_, row) => values.slice(row * length, (row + 1) * length));
}
