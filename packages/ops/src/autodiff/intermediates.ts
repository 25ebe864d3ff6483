import { keep, type Tensor } from "@tensorflow/tfjs-core";

/** A tensor that was made deep inside of a forward pass and is wanted outside, with who made it. */
export interface SideOutput {
  readonly from: unknown;
  readonly tensor: Tensor;
}

let listener: ((output: SideOutput) => void) | undefined;

/** Whether anybody wants side outputs. */
export function wantsSideOutputs(): boolean {
  return listener !== undefined;
}

/**
 * Hands a tensor out of a forward pass beside its result, past the `tf.tidy`s and {@link checkpoint}s on the way, such as the
 * logits of a router that a loss is made of. Nothing happens where nobody collects them.
 * @param from who made it; nothing is done with it but passing it on
 */
export function sideOutput(from: unknown, tensor: Tensor): void {
  listener?.({ from, tensor: keep(tensor.clone()) });
}

/** Runs `f` and collects what it hands out, in order. The caller disposes these tensors. */
export function collectSideOutputs<T>(f: () => T): { result: T; outputs: SideOutput[] } {
  const outer = listener;
  const outputs: SideOutput[] = [];
  listener = (output) => outputs.push(output);
  try {
    return { result: f(), outputs };
  } catch (error) {
    for (const { tensor } of outputs) tensor.dispose();
    throw error;
  } finally {
    listener = outer;
  }
}
