import { reshape, type Tensor1D, tidy } from "@tensorflow/tfjs-core";
import { DecoderError } from "../errors.js";
import type { PreTrainedModel } from "../pre-trained-model.js";

/** Maximum relative difference of probes: engines round differently; other weights or adapters differ by more. */
const TOLERANCE = 0.02;

/**
 * Returns the model's last hidden state of a text's first token, `[M]`, which identifies the model of a saved cache: a
 * pass of one token goes through all layers, and is the same on all engines and weight formats up to rounding.
 * @param ids ids of a row of the cache, −1 for padding and −2 for an embedding
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

/** @throws {DecoderError} if a cache was saved with other weights than the model's. */
export function checkProbe(saved: Float32Array, own: Float32Array, where: string): void {
  const norm = (values: Float32Array): number => Math.hypot(...values);
  const difference = norm(own.map((value, i) => value - (saved[i] ?? Infinity))) / norm(own);
  if (difference <= TOLERANCE) return;
  throw new DecoderError({
    where,
    expected: "a cache that was saved from this model, with its current weights and adapters",
    got: `one from a model whose hidden state of the first token differs by ${(100 * difference).toFixed(1)} %`,
    fix: "Load the same checkpoint and the same adapter, or compute the text again",
  });
}
