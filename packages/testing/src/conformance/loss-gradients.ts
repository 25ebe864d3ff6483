/** Gradients of a model's loss, under the names of its checkpoint. */

import type { PreTrainedModel } from "@mixtape/decoder";
import type { Param } from "@mixtape/layers";
import { valueAndGradientsOf } from "@mixtape/ops";
import { toFloat32 } from "@mixtape/safetensors";
import { dispose, mul, type Scalar, tidy, zerosLike } from "@tensorflow/tfjs-core";
import { expect } from "vitest";

/**
 * Factor of the gradients before they are written, so that an added constant costs them no digits; a power of two,
 * which rounds nothing.
 */
const MAGNIFIED = 2 ** 12;

/** Returns the loss, and its gradients under the names of checkpoints. The model's weights are restored. */
export async function gradientsOfLoss(
  model: PreTrainedModel,
  run: () => Scalar,
  by: readonly Param[] = [...model.namedParameters()].map(([, param]) => param).filter((param) => param.hasGradient),
): Promise<{ loss: number; gradients: Map<string, Float32Array> }> {
  for (const param of by) param.unfreeze();
  const xs = by.flatMap(({ weight }) => [...weight.parts]);
  const { value, gradients } = valueAndGradientsOf(run, xs);
  const [loss] = await value.data();
  const left = [...gradients];
  const before = by.map((param) => param.weight.parts.map((part) => part.clone()));
  // The weight mapping knows the names and layouts on disk.
  tidy(() => {
    for (const param of by)
      param.assign(
        param.weight.parts.map((part) => {
          const gradient = left.shift();
          return gradient ? mul(gradient, MAGNIFIED) : zerosLike(part);
        }),
      );
  });
  dispose([value, ...gradients.filter((gradient) => gradient !== undefined)]);
  const found = await written(model);
  // A constant that a mapping adds to a parameter is not part of its gradient.
  tidy(() => {
    for (const param of by) param.assign(param.weight.parts.map((part) => zerosLike(part)));
  });
  for (const [name, constants] of await written(model))
    found.set(
      name,
      found.get(name)!.map((value, i) => (value - constants[i]!) / MAGNIFIED),
    );
  for (const [i, param] of by.entries()) param.assign(before[i]!);
  return { loss: loss!, gradients: found };
}

/** Returns the tensors as a file would contain them. */
async function written(model: PreTrainedModel): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  for (const { name, bytes } of model.tensorsToWrite("F32"))
    found.set(name, toFloat32(typeof bytes === "function" ? await bytes() : bytes, "F32").slice());
  return found;
}

/** Returns the norm of a difference, relative to that of the expected values. */
export function distance(actual: Float32Array, expected: Float32Array): number {
  let error = 0;
  let size = 0;
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i]! - expected[i]!) ** 2;
    size += expected[i]! ** 2;
  }
  expect(actual.length).toBe(expected.length);
  return size === 0 ? Math.sqrt(error) : Math.sqrt(error / size);
}
