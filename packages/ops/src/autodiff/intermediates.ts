import { keep, type Tensor } from "@tensorflow/tfjs-core";

/** Tensor from deep inside a forward pass, with its source. */
export interface Intermediate {
  readonly from: unknown;
  readonly tensor: Tensor;
}

let listener: ((output: Intermediate) => void) | undefined;

/** Returns whether intermediates are captured. */
export function isCapturingIntermediates(): boolean {
  return listener !== undefined;
}

/**
 * Hands a tensor out of a forward pass beside its result, past the `tf.tidy`s and gradient checkpoints around it, such as the
 * router logits that a loss is computed from. No-op if no caller captures intermediates.
 * @param from identifies the source; it is only passed on
 */
export function sowIntermediate(from: unknown, tensor: Tensor): void {
  listener?.({ from, tensor: keep(tensor.clone()) });
}

/** Runs `f` and returns the intermediates that it sows, in order. The caller disposes them. */
export function captureIntermediates<T>(f: () => T): { result: T; intermediates: Intermediate[] } {
  const outer = listener;
  const intermediates: Intermediate[] = [];
  listener = (intermediate) => intermediates.push(intermediate);
  try {
    return { result: f(), intermediates };
  } catch (error) {
    for (const { tensor } of intermediates) tensor.dispose();
    throw error;
  } finally {
    listener = outer;
  }
}
