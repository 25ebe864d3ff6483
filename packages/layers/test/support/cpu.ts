import "@tensorflow/tfjs-backend-cpu";
import { fromFloat32, type TensorView, viewOfBytes } from "@mixtape/safetensors";
import { env, memory, setBackend } from "@tensorflow/tfjs-core";
import { expect } from "vitest";
import type { Module, Param } from "../../src/index.js";

/** Makes tfjs's JavaScript backend the one in use. What differs between engines is tested with the families. */
export async function useCpu(): Promise<void> {
  env().set("PROD", true);
  await setBackend("cpu");
}

/** A float32 view of these values. */
export function viewOf(shape: readonly number[], values: ArrayLike<number>): TensorView {
  return viewOfBytes("view", "F32", shape, fromFloat32(Float32Array.from(values), "F32"));
}

/** Fills a parameter with numbers without a pattern. */
function fill(param: Param, seed: number): Promise<void> {
  return param.load(
    viewOf(
      param.shape,
      Array.from({ length: param.size }, (_, i) => Math.sin(seed * 7.3 + i * 1.7)),
    ),
  );
}

/** The same for all parameters of a module. */
export async function fillAll(module: Module): Promise<void> {
  let seed = 1;
  for (const [, param] of module.namedParameters()) await fill(param, seed++);
}

/** Runs `f`, which must leave `more` tensors beside those that were there, none unless told. */
export async function withTensors<T>(f: () => T | Promise<T>, more = 0): Promise<T> {
  const before = memory().numTensors;
  const result = await f();
  expect(memory().numTensors - before).toBe(more);
  return result;
}
