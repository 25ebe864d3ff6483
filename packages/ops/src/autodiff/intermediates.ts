import { keep, type Tensor } from "@tensorflow/tfjs-core";

/** A tensor that was made deep inside of a forward pass and is wanted outside, with who made it. */
export interface Intermediate {
  readonly from: unknown;
  readonly tensor: Tensor;
}

let listener: ((output: Intermediate) => void) | undefined;

/** Whether anybody wants side outputs. */
export function isCapturingIntermediates(): boolean {
  return listener !== undefined;
}

/**
 * Hands a tensor out of a forward pass beside its result, past the `tf.tidy`s and {@link checkpoint}s on the way, such as the
 * logits of a router that a loss is made of. Nothing happens where nobody collects them.
 * @param from who made it; nothing is done with it but passing it on
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
