import { reshape, type Tensor1D, tidy } from "@tensorflow/tfjs-core";
import { DecoderError } from "../errors.js";
import type { PreTrainedModel } from "../pre-trained-model.js";

/** Largest relative difference of probes: engines round differently, other weights or adapters differ by more. */
const TOLERANCE = 0.02;

/**
 * Returns what the model makes of a text's first token, `[M]`, which a saved cache keeps to know its model by: a pass of one token
 * goes through all layers, whatever engine, format of weights and adapters they have.
 * @param ids ids of a row of the cache, −1 for padding and −2 for what came as an embedding
 */
export async function probe(model: PreTrainedModel, ids: readonly number[]): Promise<Float32Array> {
  const id = ids.find((one) => one >= 0) ?? 0;
  const hidden = tidy(() => {
    const { lastHiddenState } = model.model.forward({ inputIds: [[id]], outputRouterLogits: false });
    return reshape(lastHiddenState, [-1]) as Tensor1D;
  });
  try {
    return new Float32Array(await hidden.data());
  } finally {
    hidden.dispose();
  }
}

/** @throws {DecoderError} where a cache was saved of other weights than the model has. */
export function checkProbe(saved: Float32Array, own: Float32Array, where: string): void {
  const norm = (values: Float32Array): number => Math.hypot(...values);
  const difference = norm(own.map((value, i) => value - (saved[i] ?? Infinity))) / norm(own);
  if (difference <= TOLERANCE) return;
  throw new DecoderError({
    where,
    expected: "a cache that was saved of this model, with the weights and the adapters that it has now",
    got: `one of a model that makes something else of its first token, by ${(100 * difference).toFixed(1)} %`,
    fix: "Load the same checkpoint and the same adapter, or compute the text anew",
  });
}
