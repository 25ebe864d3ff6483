/** Gated MLPs and experts of given numbers, in storage formats of this engine, and their runs. */

import { experts, type Gating, type MlpMatrices, stackViews, storageOf, type Weight } from "@mixtape/ops";
import { type Dtype, fromFloat32, viewOfBytes } from "@mixtape/safetensors";
import { type Tensor, type Tensor2D, tensor, tensor2d, tidy, transpose } from "@tensorflow/tfjs-core";
import type { Given } from "./mlp-numbers.js";

const placed: Tensor[] = [];

/** A matrix, or a stack, in a storage format of this engine; `tensor` for a tensor of float32. */
async function place(values: Float32Array, shape: number[], storage: Dtype | "tensor"): Promise<Weight> {
  const role = shape.length === 3 ? "stack" : "matrix";
  if (storage === "tensor") return { role, shape, layout: "plain", parts: [keep(tensor(values, shape))] };
  const view = viewOfBytes("w", storage, shape, fromFloat32(values, storage));
  const views = role === "stack" ? stackViews(Array.from({ length: shape[0]! }, (_, e) => view.at(e))) : view;
  const weight = await storageOf().place(views, role);
  keep(weight.parts[0]!);
  return weight;
}

export function keep<T extends Tensor>(tensor: T): T {
  placed.push(tensor);
  return tensor;
}

export type Storages = readonly [Dtype | "tensor", Dtype | "tensor", Dtype | "tensor"];

export async function weightsOf(given: Given, [gate, up, down]: Storages, isStack = true): Promise<MlpMatrices> {
  const { count, width, inner } = given;
  const shape = (rows: number, columns: number) => (isStack ? [count, rows, columns] : [rows, columns]);
  return {
    gate: await place(given.gate, shape(inner, width), gate),
    up: await place(given.up, shape(inner, width), up),
    down: await place(given.down, shape(width, inner), down),
  };
}

export const TENSORS: Storages = ["tensor", "tensor", "tensor"];

/** The same weights, laid out the other way. */
export function transposedMatrices({ gate, up, down }: MlpMatrices): MlpMatrices {
  const turn = (weight: Weight): Weight => {
    const order = weight.role === "stack" ? [0, 2, 1] : [1, 0];
    return { ...weight, layout: "transposed", parts: [keep(transpose(weight.parts[0]!, order))] };
  };
  return { gate: turn(gate), up: turn(up), down: turn(down) };
}

export function disposePlaced(): void {
  for (const tensor of placed.splice(0)) tensor.dispose();
}

export async function run(given: Given, storages: Storages, gating: Gating): Promise<Float32Array> {
  const weights = await weightsOf(given, storages);
  return runOn(given, weights, gating);
}

/** The biases of experts, where there are some. To be called in a tidy. */
export function biasesOf({
  biases,
  count,
  inner,
  width,
}: Given): Partial<Record<"gateBias" | "upBias" | "downBias", Tensor2D>> {
  if (!biases) return {};
  return {
    gateBias: tensor2d(biases.gate, [count, inner]),
    upBias: tensor2d(biases.up, [count, inner]),
    downBias: tensor2d(biases.down, [count, width]),
  };
}

export function runOn(given: Given, weights: MlpMatrices, gating: Gating): Float32Array {
  const shape: [number, number] = [given.tokens, given.choices];
  try {
    return tidy(() => {
      const x = tensor2d(given.x, [given.tokens, given.width]);
      const routed = { x, indices: tensor2d(given.indices, shape, "int32"), weights: tensor2d(given.weights, shape) };
      return experts(routed, { ...weights, ...biasesOf(given) }, gating).dataSync() as Float32Array;
    });
  } finally {
    disposePlaced();
  }
}
